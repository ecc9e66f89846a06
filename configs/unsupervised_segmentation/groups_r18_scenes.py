"""Groups of the quickstart's pretraining against the classes of generated scenes: a small case, in a minute on a CPU.

    python tools/test.py configs/unsupervised_segmentation/groups_r18_scenes.py work_dirs/slotcon_r18_quickstart

Images are seen at the scale at which its views show them.
"""

_base_ = "../slotcon_r18_quickstart.py"

test_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False, round_up=False),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type="slotcon_mm.LabelMapDataset",
        data_root="data/scenes",
        data_prefix=dict(img_path="val2017", seg_map_path="stuffthingmaps/val2017"),
        label_set="scenes",
        subset="all",
        pipeline=[
            dict(type="slotcon_mm.LoadImage", exif=False),
            dict(type="slotcon_mm.LoadLabels"),
            dict(type="slotcon_mm.ResizeShortSide", size=96),
            dict(type="PackInputs", algorithm_keys=("gt_sem_seg",), meta_keys=("img_path",)),
        ],
    ),
)
test_evaluator = dict(type="slotcon_mm.GroupMetric", clusters="auto")
test_cfg = dict(type="TestLoop")
