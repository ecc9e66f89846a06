"""Mask R-CNN on a plain ViT-S/16 (ViTDet): as with ViT-B/16, at half its width."""

_base_ = "./vitdet_mask-rcnn_vit-b16_100e_coco.py"

model = dict(backbone=dict(arch="deit-small"), neck=dict(in_channels=384))
