"""MoCo v2 (Chen et al., 2020, https://arxiv.org/abs/2003.04297) under the study's budget."""

_base_ = "./_base_/other_methods.py"

model = dict(
    type="MoCo",
    queue_len=128,  # of 1,000 images, which seldom meet themselves in it; published: 65,536 of 1.28 million
    feat_dim=128,
    momentum=0.005,  # published: 0.001
    neck=dict(type="MoCoV2Neck", in_channels=128, hid_channels=256, out_channels=128, with_avg_pool=True),
    head=dict(type="ContrastiveHead", loss=dict(type="CrossEntropyLoss"), temperature=0.2),
)
