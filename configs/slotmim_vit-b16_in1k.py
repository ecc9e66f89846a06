"""SlotMIM, ViT-B/16, 400 epochs of ImageNet-1K, 1024 prototypes.

tools/dist_train.sh configs/slotmim_vit-b16_in1k.py 8
"""

_base_ = "./slotmim_vit-b16_cocoplus.py"

model = dict(neck=dict(num_prototypes=1024))
train_dataloader = dict(dataset=dict(data_root="data/imagenet", folders=["train"]))
train_cfg = dict(max_epochs=400)
