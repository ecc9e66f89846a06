"""SlotMIM for two CPU cores and a few minutes: what tools/quickstart.sh --method slotmim runs on generated scenes.

    python tools/make_scenes.py data/scenes
    python tools/train.py configs/slotmim_vit-t16_quickstart.py

Half of ViT-T's width and depth, a grid of 8 x 8. As in SlotCon's quickstart a faster and sharper teacher than the
paper's lets groups form within a thousand steps, and stronger color jitter keeps color from being what they form by.
Projector and predictor have SlotCon's BN, unlike the paper's: without it, all pixels of the first steps fall into two
or three groups, and a thousand steps later into little more (configs/study).
"""

_base_ = "./slotmim_vit-b16_cocoplus.py"

model = dict(
    backbone=dict(
        _delete_=True,
        type="slotcon_mm.MaskedVisionTransformer",
        arch=dict(embed_dims=96, num_layers=6, num_heads=3, feedforward_channels=384),
        img_size=128,
        patch_size=16,
        out_type="featmap",
    ),
    neck=dict(in_channels=96, hidden_channels=256, out_channels=128, num_prototypes=64, temperature=0.06, norm=True),
    group_head=dict(teacher_temperature=0.06),
    slot_head=dict(hidden_channels=256, norm=True),
    temperature_epochs=3,
    teacher_momentum=0.95,
)
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    dataset=dict(
        data_root="data/scenes",
        folders=["train2017"],
        pipeline=[
            dict(type="slotcon_mm.LoadImage"),
            dict(
                type="slotcon_mm.PairedViews",
                size=128,
                scale=(0.15, 1.0),
                jitter=(0.4, 0.4, 0.2, 0.3),
                gray_prob=0.3,
                blur_prob=(0.1, 0.1),
                mask=dict(patch_size=16),
            ),
        ],
    ),
)
train_cfg = dict(max_epochs=30)
optim_wrapper = dict(
    _delete_=True,
    type="OptimWrapper",
    constructor="slotcon_mm.LayerDecayConstructor",
    paramwise_cfg=dict(layer_decay_rate=1.0, flat_decay_mult=0.0),
    optimizer=dict(type="slotcon_mm.ClippedAdamW", lr=1e-3, betas=(0.9, 0.999), weight_decay=0.04, max_norm=0.3),
)
auto_scale_lr = dict(enable=False)
default_hooks = dict(logger=dict(interval=31))
param_scheduler = [
    dict(
        type="slotcon_mm.WarmupCosineLR",
        warmup=1,
        start_factor=0.0,
        full_rate_in_warmup=True,
        eta_min=2e-6,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    dict(type="slotcon_mm.CosineWeightDecay", final=0.4, by_epoch=True, convert_to_iter_based=True),
]
