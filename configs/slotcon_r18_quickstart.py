"""A SlotCon for two CPU cores and five minutes: what tools/quickstart.sh runs on generated scenes.

python tools/train.py configs/slotcon_r18_quickstart.py
"""

_base_ = "./slotcon_r50_coco.py"

model = dict(
    backbone=dict(depth=18, base_channels=32, stem_channels=32, strides=(1, 2, 2, 1)),
    neck=dict(in_channels=256, hidden_channels=512, out_channels=128, num_prototypes=19),
    slot_head=dict(hidden_channels=512),
)
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    dataset=dict(
        data_root="data/scenes",
        pipeline=[
            dict(type="slotcon_mm.LoadPicture"),
            dict(type="slotcon_mm.PairedViews", size=96, scale=(0.15, 1.0), blur_prob=(0.5, 0.1)),
        ],
    ),
)
train_cfg = dict(max_epochs=15)
optim_wrapper = dict(
    _delete_=True, type="OptimWrapper", optimizer=dict(type="slotcon_mm.LARS", lr=1.0, weight_decay=1e-5)
)
auto_scale_lr = dict(enable=False)
param_scheduler = dict(warmup=1)
default_hooks = dict(logger=dict(interval=31), checkpoint=dict(interval=100))
