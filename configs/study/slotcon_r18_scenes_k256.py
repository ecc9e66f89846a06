"""Ablation: 256 prototypes instead of 64."""

_base_ = "./slotcon_r18_scenes.py"

model = dict(neck=dict(num_prototypes=256))
