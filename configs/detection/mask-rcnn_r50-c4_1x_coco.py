"""Mask R-CNN, ResNet-50 C4, 1x on COCO 2017.

The backbone's last stage is the heads' shared part and has a BN after it (Detectron2's Res5ROIHeadsExtraNorm, as in
MoCo and its successors); ``--pretrained`` fills both places. Recipe otherwise as for FPN.
"""

_base_ = "mmdet::mask_rcnn/mask-rcnn_r50-caffe-c4_1x_coco.py"

# ResLayerExtraNorm
custom_imports = dict(imports=["mmpretrain.models.utils.res_layer_extra_norm"], allow_failed_imports=False)

norm_cfg = dict(type="SyncBN", requires_grad=True)
model = dict(
    # RGB, as in pretraining
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True),
    backbone=dict(frozen_stages=-1, norm_cfg=norm_cfg, norm_eval=False, style="pytorch", init_cfg=None),
    roi_head=dict(shared_head=dict(type="ResLayerExtraNorm", norm_cfg=norm_cfg, norm_eval=False, style="pytorch")),
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

param_scheduler = [
    dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=1000),
    dict(type="MultiStepLR", begin=0, end=12, by_epoch=True, milestones=[8, 11], gamma=0.1),
]
auto_scale_lr = dict(enable=True, base_batch_size=16)
custom_hooks = [dict(type="slotcon_mm.FinalPreciseBNHook", num_samples=200 * 16)]
default_hooks = dict(checkpoint=dict(type="slotcon_mm.PlainCheckpointHook", max_keep_ckpts=2))
