"""SlotMIM, ViT-B/16, 800 epochs of COCO+ (Wen et al., CVPR 2025, https://arxiv.org/abs/2503.06960).

    tools/dist_train.sh configs/slotmim_vit-b16_cocoplus.py 8

The published recipe, at its batch of 1,024. The paper reports for it (UPerNet on ADE20K): mIoU 49.1. Other SlotMIM
configs inherit from this one and change what their name says.
"""

_base_ = "./_base_/runtime.py"

# Model --------------------------------------------------------------------------------------------------------------
model = dict(
    type="slotcon_mm.SlotMIM",
    backbone=dict(
        type="slotcon_mm.MaskedVisionTransformer",
        arch="base",
        img_size=224,
        patch_size=16,
        out_type="featmap",
        drop_path_rate=0.1,  # the student's; the teacher drops nothing
    ),
    neck=dict(
        type="slotcon_mm.GroupingNeck",
        in_channels=768,
        hidden_channels=2048,
        out_channels=256,
        num_prototypes=512,
        temperature=0.07,
        norm=False,
        epsilon=1e-12,
    ),
    group_head=dict(
        type="slotcon_mm.GroupLossHead", student_temperature=0.1, teacher_temperature=0.07, center_momentum=0.9
    ),
    slot_head=dict(type="slotcon_mm.SlotLossHead", hidden_channels=2048, temperature=0.2, num_layers=2, norm=False),
    group_weight=0.5,
    cross_view_weight=1.0,
    within_view_weight=1.0,
    first_temperature=0.04,
    temperature_epochs=50,
    teacher_momentum=0.996,
    data_preprocessor=dict(
        type="slotcon_mm.ViewPreprocessor", mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)
    ),
)

# Data ---------------------------------------------------------------------------------------------------------------
train_dataloader = dict(
    batch_size=128,  # a process
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="default_collate"),
    dataset=dict(
        type="slotcon_mm.UnlabeledImageDataset",
        data_root="data/coco",
        folders=["train2017", "unlabeled2017"],
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
                mask=dict(patch_size=16, share=(0.1, 0.5)),
            ),
        ],
    ),
)

# Schedule -----------------------------------------------------------------------------------------------------------
train_cfg = dict(by_epoch=True, max_epochs=800)
optim_wrapper = dict(
    type="AmpOptimWrapper",  # fp16
    loss_scale="dynamic",
    # few groups: of backbone and heads, what decays (all but biases and norms) and what does not
    constructor="slotcon_mm.LayerDecayConstructor",
    paramwise_cfg=dict(layer_decay_rate=1.0, flat_decay_mult=0.0),
    optimizer=dict(
        type="slotcon_mm.ClippedAdamW",
        lr=1.5e-4 * 1024 / 256,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0.04,  # the first step's
        max_norm=0.3,  # of each tensor's gradient
    ),
)
# lr above is that of a batch of 1,024; it follows the true batch
auto_scale_lr = dict(enable=True, base_batch_size=1024)
param_scheduler = [
    dict(
        type="slotcon_mm.WarmupCosineLR",
        warmup=10,  # epochs
        start_factor=0.0,
        full_rate_in_warmup=True,  # its last step has it, as in the published code
        eta_min=2e-6,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    dict(type="slotcon_mm.CosineWeightDecay", final=0.4, by_epoch=True, convert_to_iter_based=True),
]
custom_hooks = [
    dict(type="slotcon_mm.SampleSeedHook"),
    dict(type="slotcon_mm.StepSeedHook"),
    dict(type="slotcon_mm.FiniteGuardHook"),
    dict(type="slotcon_mm.FrozenPrototypesHook", epochs=3),
    dict(type="slotcon_mm.RankAgreementHook"),
    dict(type="slotcon_mm.UnreadableImagesHook"),
    dict(type="slotcon_mm.TeacherStepsHook"),
    dict(type="slotcon_mm.ThroughputHook"),
    dict(type="slotcon_mm.CollapseMonitorHook", interval=1),
    dict(type="slotcon_mm.GroupVisualizationHook", num_images=6, interval=10),
]
