"""Pretraining as configs/slotcon_r50_coco.py, with a validation on 500 pictures every 50 epochs.

The groups' score on COCO-Stuff-27 while they form. It costs a forward pass of 500 pictures of 320 x 320 a time.
"""

_base_ = "./slotcon_r50_coco-stuff27.py"

train_cfg = dict(val_interval=50)
val_cfg = dict(type="ValLoop")
val_dataloader = {{_base_.test_dataloader}}
val_dataloader["dataset"].update(images="all", indices=500)
val_evaluator = dict(type="slotcon_mm.GroupMetric", label_set="coco-stuff-27", clusters="auto")
