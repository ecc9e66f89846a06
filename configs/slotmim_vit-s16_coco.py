"""SlotMIM, ViT-S/16, 800 epochs of COCO train2017: about the cost of an image in SlotCon's ResNet-50.

    tools/dist_train.sh configs/slotmim_vit-s16_coco.py 8

The paper trains ViT-B/16 only; the other numbers are its own.
"""

_base_ = "./slotmim_vit-b16_coco.py"

model = dict(backbone=dict(arch="deit-small"), neck=dict(in_channels=384))
