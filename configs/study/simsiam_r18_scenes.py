"""SimSiam (Chen and He, CVPR 2021, https://arxiv.org/abs/2011.10566) under the study's budget."""

_base_ = "./_base_/other_methods.py"

model = dict(
    type="SimSiam",
    backbone=dict(zero_init_residual=True),
    neck=dict(
        type="NonLinearNeck",
        in_channels=128,
        hid_channels=256,
        out_channels=256,
        num_layers=3,
        with_last_bn_affine=False,
        with_avg_pool=True,
    ),
    head=dict(
        type="LatentPredictHead",
        loss=dict(type="CosineSimilarityLoss"),
        predictor=dict(
            type="NonLinearNeck",
            in_channels=256,
            hid_channels=64,
            out_channels=256,
            with_avg_pool=False,
            with_last_bn=False,
            with_last_bias=True,
        ),
    ),
)
# the published 0.05 for a batch of 256, for a batch of 32; the predictor's stays at its start
optim_wrapper = dict(
    optimizer=dict(lr=0.05 * 32 / 256), paramwise_cfg=dict(custom_keys={"predictor": dict(fix_lr=True)})
)
custom_hooks = [
    dict(type="slotcon_mm.SampleSeedHook"),
    dict(type="slotcon_mm.ThroughputHook"),
    dict(type="SimSiamHook", priority="HIGH", fix_pred_lr=True, lr=0.05 * 32 / 256, adjust_by_epoch=False),
]
