"""Ablation: grouping alone, without the contrast of slots."""

_base_ = "./slotcon_r18_scenes.py"

model = dict(group_weight=1.0)
