"""Ablation: masks without the loss within views."""

_base_ = "./slotmim_vit-t16_scenes.py"

model = dict(within_view_weight=0.0)
