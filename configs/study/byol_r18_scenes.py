"""BYOL (Grill et al., NeurIPS 2020, https://arxiv.org/abs/2006.07733) under the study's budget."""

_base_ = "./_base_/other_methods.py"

model = dict(
    type="BYOL",
    base_momentum=0.05,  # published: 0.01 for 300 epochs
    neck=dict(
        type="NonLinearNeck",
        in_channels=128,
        hid_channels=256,
        out_channels=128,
        num_layers=2,
        with_bias=True,
        with_last_bn=False,
        with_avg_pool=True,
    ),
    head=dict(
        type="LatentPredictHead",
        predictor=dict(
            type="NonLinearNeck",
            in_channels=128,
            hid_channels=256,
            out_channels=128,
            num_layers=2,
            with_bias=True,
            with_last_bn=False,
            with_avg_pool=False,
        ),
        loss=dict(type="CosineSimilarityLoss"),
    ),
)
# published: LARS without biases and BN, lr 4.8 for a batch of 4,096, that is 0.3 for 256; decay 1e-6
optim_wrapper = dict(
    optimizer=dict(
        _delete_=True,
        type="slotcon_mm.LARS",
        lr=0.3 * 32 / 256,
        momentum=0.9,
        weight_decay=1e-6,
        trust_coefficient=0.001,
    ),
)
