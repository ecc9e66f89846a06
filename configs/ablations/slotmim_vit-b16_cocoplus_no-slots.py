"""Ablation: no slot loss."""

_base_ = "../slotmim_vit-b16_cocoplus.py"

model = dict(group_weight=1.0)
