"""SlotCon for two CPU cores and a few minutes: what tools/quickstart.sh runs on generated scenes.

    python tools/make_scenes.py data/scenes
    python tools/train.py configs/slotcon_r18_quickstart.py

A thousand steps are few: a faster and sharper teacher than the paper's lets groups form within them, and stronger
color jitter keeps color from being what they form by (the scenes' colors are random).
"""

_base_ = "./slotcon_r50_coco.py"

model = dict(
    # a quarter of ResNet-18's width, stride 8
    backbone=dict(depth=18, base_channels=16, stem_channels=16, strides=(1, 2, 1, 1)),
    neck=dict(in_channels=128, hidden_channels=256, out_channels=128, num_prototypes=64),
    group_head=dict(teacher_temperature=0.06),
    slot_head=dict(hidden_channels=256),
    teacher_momentum=0.95,
)
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    dataset=dict(
        data_root="data/scenes",
        pipeline=[
            dict(type="slotcon_mm.LoadImage"),
            dict(
                type="slotcon_mm.PairedViews",
                size=64,
                scale=(0.15, 1.0),
                jitter=(0.4, 0.4, 0.2, 0.3),
                gray_prob=0.3,
                blur_prob=(0.1, 0.1),
            ),
        ],
    ),
)
train_cfg = dict(max_epochs=30)
optim_wrapper = dict(
    _delete_=True,
    type="OptimWrapper",
    optimizer=dict(type="slotcon_mm.LARS", lr=2.0, momentum=0.9, weight_decay=1e-5, trust_coefficient=0.001),
)
auto_scale_lr = dict(enable=False)
param_scheduler = dict(warmup=1)
default_hooks = dict(logger=dict(interval=31))
