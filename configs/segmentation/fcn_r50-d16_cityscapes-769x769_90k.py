"""FCN (d6), ResNet-50 at output stride 16, Cityscapes, crops of 769, 90,000 iterations: the paper's benchmark.

    tools/dist_train.sh configs/segmentation/fcn_r50-d16_cityscapes-769x769_90k.py 2 --pretrained work_dirs/RUN

2 GPUs x 8 images = 16, SGD lr 0.01, steps at 63,000 and 81,000, sliding test with crop 769 and stride 513. The
published config normalizes pixels of 0 to 255 with mean and std of the 0 to 1 scale, so that they enter the network
some 255 times larger than in pretraining, which SyncBN absorbs; here they are normalized as in pretraining.
"""

_base_ = "mmseg::fcn/fcn-d6_r50-d16_4xb2-80k_cityscapes-769x769.py"

crop_size = (769, 769)
model = dict(
    pretrained=None,
    backbone=dict(type="ResNet", init_cfg=None),  # the stem of pretraining; mmseg's ResNetV1c has another
    # two dilated convolutions of 256 channels
    decode_head=dict(channels=256, concat_input=False, dropout_ratio=0),
    auxiliary_head=None,
)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations"),
    dict(type="RandomResize", scale=(2049, 1025), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type="RandomCrop", crop_size=crop_size),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackSegInputs"),
]
train_dataloader = dict(batch_size=8, num_workers=8, dataset=dict(pipeline=train_pipeline))

optim_wrapper = dict(optimizer=dict(lr=0.01, weight_decay=0.0001))
param_scheduler = [
    dict(type="MultiStepLR", begin=0, end=90000, by_epoch=False, milestones=[63000, 81000], gamma=0.1),
]
# lr 0.01 is that of a batch of 16; it follows the true batch
auto_scale_lr = dict(enable=True, base_batch_size=16)
train_cfg = dict(max_iters=90000, val_interval=9000)
default_hooks = dict(checkpoint=dict(type="slotcon_mm.PlainCheckpointHook", interval=9000, max_keep_ckpts=2))
