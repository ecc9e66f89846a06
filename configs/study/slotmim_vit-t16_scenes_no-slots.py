"""Ablation: no slot loss."""

_base_ = "./slotmim_vit-t16_scenes.py"

model = dict(group_weight=1.0)
