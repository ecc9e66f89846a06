"""Ablation: the paper's teacher temperature, instead of 0.06."""

_base_ = "./slotcon_r18_scenes.py"

model = dict(group_head=dict(teacher_temperature=0.07))
