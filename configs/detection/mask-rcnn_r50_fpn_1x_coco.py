"""Mask R-CNN, ResNet-50 FPN, 1x on COCO 2017: the paper's detection benchmark.

    tools/dist_train.sh configs/detection/mask-rcnn_r50_fpn_1x_coco.py 8 --pretrained work_dirs/slotcon_r50_coco

The recipe is the published Detectron2 one (shared with PixPro): SyncBN in backbone, FPN, box head and mask head,
nothing frozen, short side 640 to 800, 8 GPUs x 2 images = 16, lr 0.02, precise BN at the end. There: 90,000
iterations = 12.28 epochs with steps at 60,000 and 80,000; here: mmdet's 12 epochs with steps at 8 and 11.
"""

_base_ = "mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py"

norm_cfg = dict(type="SyncBN", requires_grad=True)
model = dict(
    backbone=dict(frozen_stages=-1, norm_cfg=norm_cfg, norm_eval=False, init_cfg=None),
    neck=dict(norm_cfg=norm_cfg),
    roi_head=dict(
        bbox_head=dict(type="Shared4Conv1FCBBoxHead", norm_cfg=norm_cfg),
        mask_head=dict(norm_cfg=norm_cfg),
    ),
)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    dict(
        type="RandomChoiceResize",
        scales=[(1333, short) for short in range(640, 801, 32)],
        keep_ratio=True,
    ),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

# warm-up of Detectron2's default length (mmdet: 500)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=1000),
    dict(type="MultiStepLR", begin=0, end=12, by_epoch=True, milestones=[8, 11], gamma=0.1),
]
# lr 0.02 is that of a batch of 16; it follows the true batch
auto_scale_lr = dict(enable=True, base_batch_size=16)
custom_hooks = [dict(type="slotcon_mm.FinalPreciseBNHook", num_samples=200 * 16)]
default_hooks = dict(checkpoint=dict(type="slotcon_mm.PlainCheckpointHook", max_keep_ckpts=2))
