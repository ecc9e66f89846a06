"""DenseCL (Wang et al., CVPR 2021, https://arxiv.org/abs/2011.09157) under the study's budget."""

_base_ = "./_base_/other_methods.py"

model = dict(
    type="DenseCL",
    queue_len=128,  # of 1,000 images, which seldom meet themselves in it; published: 65,536 of 1.28 million
    feat_dim=128,
    momentum=0.005,  # published: 0.001
    loss_lambda=0.5,
    neck=dict(type="DenseCLNeck", in_channels=128, hid_channels=256, out_channels=128, num_grid=None),
    head=dict(type="ContrastiveHead", loss=dict(type="CrossEntropyLoss"), temperature=0.2),
)
