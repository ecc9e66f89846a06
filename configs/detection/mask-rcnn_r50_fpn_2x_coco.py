"""Mask R-CNN, ResNet-50 FPN, 2x on COCO 2017: as 1x, with 24 epochs and steps at 16 and 22."""

_base_ = "./mask-rcnn_r50_fpn_1x_coco.py"

train_cfg = dict(max_epochs=24)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=1000),
    dict(type="MultiStepLR", begin=0, end=24, by_epoch=True, milestones=[16, 22], gamma=0.1),
]
