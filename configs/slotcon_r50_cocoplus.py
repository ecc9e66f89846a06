"""SlotCon, ResNet-50, 800 epochs of COCO+ (train2017 and unlabeled2017 as one list).

    tools/dist_train.sh configs/slotcon_r50_cocoplus.py 8

The paper reports box AP 41.8, mask AP 37.8.
"""

_base_ = "./slotcon_r50_coco.py"

train_dataloader = dict(dataset=dict(folders=["train2017", "unlabeled2017"]))
