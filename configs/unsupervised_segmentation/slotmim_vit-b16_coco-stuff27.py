"""Unsupervised semantic segmentation on COCO-Stuff-27: the groups of a SlotMIM.

    CONFIG=configs/unsupervised_segmentation/slotmim_vit-b16_coco-stuff27.py
    python tools/test.py $CONFIG work_dirs/slotmim_vit-b16_coco

The paper does not report this measure.
"""

_base_ = ["../slotmim_vit-b16_coco.py", "./_base_/coco-stuff27.py"]

model = dict(test_cfg=dict(flip=False))  # True: scores are averaged with the mirrored image's
