"""Mask R-CNN for two CPU cores and minutes: what ``tools/quickstart.sh --transfer`` trains on 200 generated scenes.

The backbone is that of configs/slotcon_r18_quickstart.py, a quarter of ResNet-18's width; pyramid and heads have a
quarter of theirs. Its last two stages keep stride 8 as in pretraining, so that they compute the pretraining's features.
The pyramid adds levels of one stride without enlarging them, as DetNet's does (Li et al., ECCV 2018,
https://arxiv.org/abs/1804.06215); anchors and the levels that regions go to are sized as in a usual pyramid.
"""

_base_ = "./mask-rcnn_r50_fpn_1x_coco.py"

data_root = "data/scenes/"
metainfo = dict(classes=("person", "animal", "car", "boat", "house", "tree", "ball", "crate", "lamp", "vase", "chair"))

channels, num_classes = 64, 11
strides = [4, 8, 8, 8]  # of the four stages
model = dict(
    backbone=dict(depth=18, base_channels=16, stem_channels=16, strides=(1, 2, 1, 1)),
    neck=dict(in_channels=[16, 32, 64, 128], out_channels=channels),
    rpn_head=dict(
        in_channels=channels,
        feat_channels=channels,
        anchor_generator=dict(strides=[*strides, 16], base_sizes=[4, 8, 16, 32, 64]),
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=channels, featmap_strides=strides),
        bbox_head=dict(in_channels=channels, conv_out_channels=channels, fc_out_channels=256, num_classes=num_classes),
        mask_roi_extractor=dict(out_channels=channels, featmap_strides=strides),
        mask_head=dict(in_channels=channels, conv_out_channels=channels, num_classes=num_classes),
    ),
    # small images of few things: fewer regions
    train_cfg=dict(rpn_proposal=dict(nms_pre=300, max_per_img=200), rcnn=dict(sampler=dict(num=64))),
    test_cfg=dict(rpn=dict(nms_pre=300, max_per_img=100), rcnn=dict(max_per_img=30)),
)

scale = (256, 192)
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    dict(type="Resize", scale=scale, keep_ratio=True),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=scale, keep_ratio=True),
    dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
    dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
]
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(data_root=data_root, metainfo=metainfo, indices=200, pipeline=train_pipeline),
)
val_dataloader = dict(num_workers=1, dataset=dict(data_root=data_root, metainfo=metainfo, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + "annotations/instances_val2017.json")
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=6, val_interval=6)
optim_wrapper = dict(optimizer=dict(lr=0.02))  # of a batch of 4
auto_scale_lr = dict(enable=False)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=50),
    dict(type="MultiStepLR", begin=0, end=6, by_epoch=True, milestones=[4, 5], gamma=0.1),
]
custom_hooks = [dict(type="slotcon_mm.FinalPreciseBNHook", num_samples=200)]
