"""SlotMIM, ViT-B/16, 800 epochs of COCO train2017.

tools/dist_train.sh configs/slotmim_vit-b16_coco.py 8
"""

_base_ = "./slotmim_vit-b16_cocoplus.py"

train_dataloader = dict(dataset=dict(folders=["train2017"]))
