"""Ablation: 16 prototypes in place of 64."""

_base_ = "./slotcon_r18_scenes.py"

model = dict(neck=dict(num_prototypes=16))
