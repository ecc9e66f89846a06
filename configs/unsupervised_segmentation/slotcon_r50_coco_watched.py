"""Pretraining as configs/slotcon_r50_coco.py, with a validation on 500 images every 50 epochs.

The groups' score on COCO-Stuff-27 while they form. It costs a forward pass of 500 images of 320 x 320 a time.
"""

_base_ = "./slotcon_r50_coco-stuff27.py"

train_cfg = dict(val_interval=50)
val_cfg = dict(type="ValLoop")
val_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False, round_up=False),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type="slotcon_mm.LabelMapDataset",
        data_root="data/coco",
        data_prefix=dict(img_path="val2017", seg_map_path="stuffthingmaps/val2017"),
        label_set="coco-stuff-27",
        indices=500,
        pipeline={{_base_.test_pipeline}},
    ),
)
val_evaluator = dict(type="slotcon_mm.GroupMetric", clusters="auto")
