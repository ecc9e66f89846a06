"""Frozen features on Cityscapes-27 (labelIds 7 to 33): learn from train, be scored on val.

python tools/evaluate.py work_dirs/slotcon_r50_coco --data configs/evaluation/cityscapes27.py
"""

resolution = 320  # of the shorter side, and of the square that is cut out, where labels are scored
pipeline = [
    dict(type="slotcon_mm.LoadImage", exif=False),
    dict(type="slotcon_mm.LoadLabels"),
    dict(type="slotcon_mm.ResizeShortSide", size=resolution),
    dict(type="slotcon_mm.CenterCrop", size=resolution),
]
files = dict(
    type="slotcon_mm.LabelMapDataset",
    data_root="data/cityscapes",
    img_suffix="_leftImg8bit",
    seg_map_suffix="_gtFine_labelIds.png",
    label_set="cityscapes-27",
    pipeline=pipeline,
)
train = dict(data_prefix=dict(img_path="leftImg8bit/train", seg_map_path="gtFine/train"), **files)
held_out = dict(data_prefix=dict(img_path="leftImg8bit/val", seg_map_path="gtFine/val"), **files)
choices = dict(size=resolution)
