"""Ablation: slot contrast alone; nothing trains the groups but the contrast."""

_base_ = "./slotcon_r18_scenes.py"

model = dict(group_weight=0.0)
