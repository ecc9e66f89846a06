"""Frozen features on generated scenes, 19 classes: a small case, in a minute or two on a CPU.

python tools/make_scenes.py data/scenes
python tools/evaluate.py work_dirs/slotcon_r18_quickstart --data configs/evaluation/scenes.py
"""

pipeline = [
    dict(type="slotcon_mm.LoadImage", exif=False),
    dict(type="slotcon_mm.LoadLabels"),
    dict(type="slotcon_mm.LoadInstances"),
]
files = dict(
    type="slotcon_mm.LabelMapDataset",
    data_root="data/scenes",
    label_set="scenes",
    pipeline=pipeline,
)
train = dict(
    data_prefix=dict(img_path="train2017", seg_map_path="stuffthingmaps/train2017"),
    ann_file="annotations/instances_train2017.json",
    indices=200,
    **files,
)
held_out = dict(
    data_prefix=dict(img_path="val2017", seg_map_path="stuffthingmaps/val2017"),
    ann_file="annotations/instances_val2017.json",
    **files,
)
choices = dict(size=96)  # 256 x 192 pixels at the scale at which views of 64 show them
