"""SlotCon, ResNet-50, 800 epochs of COCO train2017 (Wen et al., NeurIPS 2022, https://arxiv.org/abs/2205.15288).

    tools/dist_train.sh configs/slotcon_r50_coco.py 8

The paper's recipe: 8 GPUs x 64 images = 512. The paper reports for it (Mask R-CNN R50-FPN 1x on COCO): box AP 41.0,
mask AP 37.0. Other pretraining configs inherit from this one and change what their name says.
"""

_base_ = "./_base_/runtime.py"

# Model --------------------------------------------------------------------------------------------------------------
model = dict(
    type="slotcon_mm.SlotCon",
    backbone=dict(type="ResNet", depth=50, norm_cfg=dict(type="SyncBN"), zero_init_residual=True),
    neck=dict(
        type="slotcon_mm.GroupingNeck",
        in_channels=2048,
        hidden_channels=4096,
        out_channels=256,
        num_prototypes=256,
        temperature=0.07,
    ),
    group_head=dict(
        type="slotcon_mm.GroupLossHead", student_temperature=0.1, teacher_temperature=0.07, center_momentum=0.9
    ),
    slot_head=dict(type="slotcon_mm.SlotLossHead", hidden_channels=4096, temperature=0.2),
    group_weight=0.5,
    teacher_momentum=0.99,
    channels_last=True,  # memory layout; the mathematics is the same
    data_preprocessor=dict(
        type="slotcon_mm.ViewPreprocessor", mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)
    ),
)

# Data ---------------------------------------------------------------------------------------------------------------
train_dataloader = dict(
    batch_size=64,  # a process
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="slotcon_mm.UnlabeledImageDataset",
        data_root="data/coco",
        folders=["train2017"],
        pipeline=[
            dict(type="slotcon_mm.LoadImage"),
            dict(
                type="slotcon_mm.PairedViews",
                size=224,
                scale=(0.08, 1.0),
                ratio=(3 / 4, 4 / 3),
                min_overlap=0.01,
                flip_prob=0.5,
                jitter=(0.4, 0.4, 0.2, 0.1),
                jitter_prob=0.8,
                gray_prob=0.2,
                blur_sigma=(0.1, 2.0),
                blur_prob=(1.0, 0.1),
                solarize_prob=(0.0, 0.2),
            ),
        ],
    ),
)

# Schedule -----------------------------------------------------------------------------------------------------------
train_cfg = dict(by_epoch=True, max_epochs=800)
optim_wrapper = dict(
    type="AmpOptimWrapper",  # fp16
    loss_scale="dynamic",
    optimizer=dict(
        type="slotcon_mm.LARS", lr=1.0 * 512 / 256, momentum=0.9, weight_decay=1e-5, trust_coefficient=0.001
    ),
)
# lr above is that of a batch of 512; it follows the true batch
auto_scale_lr = dict(enable=True, base_batch_size=512)
param_scheduler = dict(
    type="slotcon_mm.WarmupCosineLR",
    warmup=5,  # epochs
    start_factor=0.01,
    eta_min=1e-6,
    by_epoch=True,
    convert_to_iter_based=True,
)
