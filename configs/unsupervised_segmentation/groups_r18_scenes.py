"""Groups of the quickstart's pretraining against the classes of generated scenes: a small case, in a minute on a CPU.

    python tools/test.py configs/unsupervised_segmentation/groups_r18_scenes.py work_dirs/slotcon_r18_quickstart

Pictures are seen at the scale at which its views show them.
"""

_base_ = "../slotcon_r18_quickstart.py"

label_set = "scenes"
test_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False, round_up=False),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type="slotcon_mm.LabelledFolder",
        data_root="data/scenes",
        pictures="val2017",
        labels="stuffthingmaps/val2017",
        label_set=label_set,
        images="all",
        pipeline=[
            dict(type="slotcon_mm.LoadPicture", exif=False),
            dict(type="slotcon_mm.LoadLabels", label_set=label_set),
            dict(type="slotcon_mm.ResizeShortSide", size=96),
            dict(type="PackInputs", algorithm_keys=("gt_sem_seg",), meta_keys=("img_path",)),
        ],
    ),
)
test_evaluator = dict(type="slotcon_mm.GroupMetric", label_set=label_set, clusters="auto")
test_cfg = dict(type="TestLoop")
