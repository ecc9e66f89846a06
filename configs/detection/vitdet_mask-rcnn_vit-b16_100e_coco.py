"""Mask R-CNN on a plain ViT-B/16 (ViTDet), 100 epochs of COCO 2017 at 1024 pixels: the detection of the SlotMIM paper.

    tools/dist_train.sh configs/detection/vitdet_mask-rcnn_vit-b16_100e_coco.py 8 --pretrained WEIGHTS

As in ViTDet (Li et al., ECCV 2022, https://arxiv.org/abs/2203.16527, section 3 and its appendix) and Detectron2's
mask_rcnn_vitdet_b_100ep: attention in windows of 14 x 14 in all blocks but 2, 5, 8 and 11, no class token, no final
norm, a simple feature pyramid, layer norm in pyramid and heads, two convolutions in the RPN, large-scale jitter (0.1 to
2) to 1024 x 1024, AdamW lr 1e-4, weight decay 0.1, a layer's rate 0.7 of that below the heads' for each layer between,
drop-path 0.1, 8 GPUs x 8 images = 64, mixed precision. There: 184,375 iterations with steps at 163,889 and 177,546,
which are 8/9 and 26/27 of them; here: epochs 89 and 96 of 100.
"""

_base_ = "mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py"

size = 1024
norm_cfg = dict(type="mmpretrain.LN2d", eps=1e-6)
model = dict(
    data_preprocessor=dict(pad_size_divisor=size),  # squares of one size, in training and in the test
    backbone=dict(
        _delete_=True,
        type="slotcon_mm.WindowedVisionTransformer",
        arch="base",
        img_size=224,  # of the pretraining: position embeddings keep its grid
        patch_size=16,
        drop_path_rate=0.1,
        window_size=14,
        global_blocks=[2, 5, 8, 11],
        final_norm=False,
    ),
    neck=dict(
        _delete_=True, type="slotcon_mm.SimpleFeaturePyramid", in_channels=768, out_channels=256, norm_cfg=norm_cfg
    ),
    rpn_head=dict(num_convs=2),
    roi_head=dict(bbox_head=dict(type="Shared4Conv1FCBBoxHead", norm_cfg=norm_cfg), mask_head=dict(norm_cfg=norm_cfg)),
)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    dict(type="RandomFlip", prob=0.5),
    dict(type="RandomResize", scale=(size, size), ratio_range=(0.1, 2.0), keep_ratio=True),
    dict(
        type="RandomCrop",
        crop_type="absolute",
        crop_size=(size, size),
        recompute_bbox=True,
        allow_negative_crop=True,
    ),
    dict(type="FilterAnnotations", min_gt_bbox_wh=(1e-2, 1e-2), keep_empty=False),  # False: crops without objects stay
    dict(type="PackDetInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=(size, size), keep_ratio=True),
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
]
train_dataloader = dict(batch_size=8, num_workers=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(
    _delete_=True,
    type="AmpOptimWrapper",
    loss_scale="dynamic",
    optimizer=dict(type="AdamW", lr=1e-4, betas=(0.9, 0.999), weight_decay=0.1),
    # mmdet's own constructor takes its ConvNeXt only
    constructor="slotcon_mm.LayerDecayConstructor",
    paramwise_cfg=dict(layer_decay_rate=0.7, norm_decay_mult=0.0, custom_keys={".pos_embed": dict(decay_mult=0.0)}),
)
train_cfg = dict(max_epochs=100, val_interval=10)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=250),
    dict(type="MultiStepLR", begin=0, end=100, by_epoch=True, milestones=[89, 96], gamma=0.1),
]
# lr 1e-4 is that of a batch of 64; it follows the true batch
auto_scale_lr = dict(enable=True, base_batch_size=64)
default_hooks = dict(checkpoint=dict(type="slotcon_mm.PlainCheckpointHook", max_keep_ckpts=2))
