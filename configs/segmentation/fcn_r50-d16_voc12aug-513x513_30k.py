"""FCN (d6), ResNet-50 at output stride 16, VOC 2012 with the augmented training set, crops of 513, 30,000 iterations.

2 GPUs x 8 images = 16, SGD lr 0.003, steps at 21,000 and 27,000, whole images in the test. The published config
normalizes pixels of 0 to 255 with mean and std of the 0 to 1 scale, so that they enter the network some 255 times
larger than in pretraining, which SyncBN absorbs; here they are normalized as in pretraining.
"""

_base_ = "mmseg::fcn/fcn_r50-d8_4xb4-20k_voc12aug-512x512.py"

crop_size = (513, 513)
model = dict(
    data_preprocessor=dict(size=crop_size),
    pretrained=None,
    # the stem of pretraining (mmseg's ResNetV1c has another), the last stage dilated instead of strided
    backbone=dict(type="ResNet", init_cfg=None, strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2)),
    # two dilated convolutions of 256 channels
    decode_head=dict(channels=256, dilation=6, concat_input=False, dropout_ratio=0, align_corners=True),
    auxiliary_head=None,
)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations"),
    dict(type="RandomResize", scale=(2049, 513), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type="RandomCrop", crop_size=crop_size),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackSegInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=(2049, 513), keep_ratio=True),
    dict(type="LoadAnnotations"),  # after resizing: labels keep their size
    dict(type="PackSegInputs"),
]
voc = dict(type="PascalVOCDataset", data_root="data/VOCdevkit/VOC2012", pipeline=train_pipeline)
train_dataloader = dict(
    batch_size=8,
    num_workers=8,
    dataset=dict(
        datasets=[
            dict(
                voc,
                data_prefix=dict(img_path="JPEGImages", seg_map_path="SegmentationClass"),
                ann_file="ImageSets/Segmentation/train.txt",
            ),
            dict(
                voc,
                data_prefix=dict(img_path="JPEGImages", seg_map_path="SegmentationClassAug"),
                ann_file="ImageSets/Segmentation/aug.txt",
            ),
        ]
    ),
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=0.003, weight_decay=0.0001))
param_scheduler = [
    dict(type="MultiStepLR", begin=0, end=30000, by_epoch=False, milestones=[21000, 27000], gamma=0.1),
]
# lr 0.003 is that of a batch of 16; it follows the true batch
auto_scale_lr = dict(enable=True, base_batch_size=16)
train_cfg = dict(max_iters=30000, val_interval=3000)
default_hooks = dict(checkpoint=dict(type="slotcon_mm.PlainCheckpointHook", interval=3000, max_keep_ckpts=2))
