"""Unsupervised semantic segmentation on COCO-Stuff-27: the groups of a SlotMIM on ViT-S/16.

    CONFIG=configs/unsupervised_segmentation/slotmim_vit-s16_coco-stuff27.py
    python tools/test.py $CONFIG work_dirs/slotmim_vit-s16_coco

The paper does not report this measure.
"""

_base_ = ["../slotmim_vit-s16_coco.py", "./_base_/coco-stuff27.py"]

model = dict(test_cfg=dict(flip=False))  # True: scores are averaged with the mirrored image's
