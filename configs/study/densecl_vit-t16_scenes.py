"""DenseCL (Wang et al., CVPR 2021, https://arxiv.org/abs/2011.09157) with SlotMIM's backbone and optimizer."""

_base_ = "./slotmim_vit-t16_scenes_no-masks.py"

model = dict(
    _delete_=True,
    type="DenseCL",
    backbone=dict(
        type="slotcon_mm.MaskedVisionTransformer",
        arch=dict(embed_dims=96, num_layers=6, num_heads=3, feedforward_channels=384),
        img_size=128,
        patch_size=16,
        out_type="featmap",
    ),
    queue_len=128,  # of 1,000 images, which seldom meet themselves in it; published: 65,536 of 1.28 million
    feat_dim=128,
    momentum=0.005,  # published: 0.001
    loss_lambda=0.5,
    neck=dict(type="DenseCLNeck", in_channels=96, hid_channels=256, out_channels=128, num_grid=None),
    head=dict(type="ContrastiveHead", loss=dict(type="CrossEntropyLoss"), temperature=0.2),
    data_preprocessor=dict(type="slotcon_mm.ViewPreprocessor"),
)
custom_hooks = [
    dict(type="slotcon_mm.SampleSeedHook"),
    dict(type="slotcon_mm.ThroughputHook"),
]
