"""Ablation: no grouping loss across views."""

_base_ = "../slotmim_vit-b16_cocoplus.py"

model = dict(cross_view_weight=0.0)
