"""SlotCon, ResNet-50, 200 epochs of ImageNet-1K, 2048 prototypes.

    tools/dist_train.sh configs/slotcon_r50_in1k_200e.py 8

The paper reports box AP 41.8, mask AP 37.8.
"""

_base_ = "./slotcon_r50_coco.py"

model = dict(neck=dict(num_prototypes=2048))
train_dataloader = dict(dataset=dict(data_root="data/imagenet", folders=["train"]))
train_cfg = dict(max_epochs=200)
