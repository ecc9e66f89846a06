"""UPerNet, ViT-S/16, ADE20K: as with ViT-B/16, at half its width."""

_base_ = "./upernet_vit-b16_ade20k-512x512_160k.py"

channels = 384
model = dict(
    backbone=dict(arch="deit-small"),
    neck=dict(embed_dim=channels),
    decode_head=dict(in_channels=[channels] * 4, channels=channels),
    auxiliary_head=dict(in_channels=channels),
)
