"""Ablation: share of the grouping loss (the slot loss has the rest)."""

_base_ = "../slotcon_r50_coco.py"

model = dict(group_weight=0.75)
