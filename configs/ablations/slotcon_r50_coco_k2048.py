"""Ablation: number of prototypes."""

_base_ = "../slotcon_r50_coco.py"

model = dict(neck=dict(num_prototypes=2048))
