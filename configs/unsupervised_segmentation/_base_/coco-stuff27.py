"""PiCIE's protocol on COCO-Stuff-27, whatever the model."""

# Every switch of the protocol ---------------------------------------------------------------------------------------
label_set = "coco-stuff-27"
subset = "curated"  # the published rule, found anew from the label maps; 'all', or a text file of names
resolution = 320  # of the shorter side, and of the square that is cut out
clusters = "auto"  # one-to-one where K = 27, else k-means of prototypes; see GroupMetric

test_pipeline = [
    dict(type="slotcon_mm.LoadImage", exif=False),  # label maps are of the pixels as stored
    dict(type="slotcon_mm.LoadLabels"),
    dict(type="slotcon_mm.ResizeShortSide", size=resolution),
    dict(type="slotcon_mm.CenterCrop", size=resolution),
    dict(type="PackInputs", algorithm_keys=("gt_sem_seg",), meta_keys=("img_path",)),
]
test_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    # each image once, on any number of processes
    sampler=dict(type="DefaultSampler", shuffle=False, round_up=False),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type="slotcon_mm.LabelMapDataset",
        data_root="data/coco",
        data_prefix=dict(img_path="val2017", seg_map_path="stuffthingmaps/val2017"),
        label_set=label_set,
        subset=subset,
        pipeline=test_pipeline,
    ),
)
test_evaluator = dict(type="slotcon_mm.GroupMetric", clusters=clusters)
test_cfg = dict(type="TestLoop")
