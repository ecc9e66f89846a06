"""Frozen features on COCO-Stuff-27: learn from train2017, be scored on val2017, images as in PiCIE's protocol.

python tools/evaluate.py work_dirs/slotcon_r50_coco --data configs/evaluation/coco-stuff27.py
"""

resolution = 320  # of the shorter side, and of the square that is cut out, where labels are scored
pipeline = [
    dict(type="slotcon_mm.LoadImage", exif=False),  # label maps are of the pixels as stored
    dict(type="slotcon_mm.LoadLabels"),
    dict(type="slotcon_mm.ResizeShortSide", size=resolution),
    dict(type="slotcon_mm.CenterCrop", size=resolution),
]
train = dict(
    type="slotcon_mm.LabelMapDataset",
    data_root="data/coco",
    data_prefix=dict(img_path="train2017", seg_map_path="stuffthingmaps/train2017"),
    label_set="coco-stuff-27",
    pipeline=pipeline,
)
held_out = dict(
    type="slotcon_mm.LabelMapDataset",
    data_root="data/coco",
    data_prefix=dict(img_path="val2017", seg_map_path="stuffthingmaps/val2017"),
    label_set="coco-stuff-27",
    subset="curated",  # the published rule, found anew from the label maps; 'all', or a text file of names
    pipeline=pipeline,
)
choices = dict(size=resolution, memory=500_000)  # four patches of each of 118,287 images
