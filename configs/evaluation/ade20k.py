"""Frozen features on ADE20K, 150 classes: learn from training, be scored on validation.

    python tools/evaluate.py work_dirs/slotcon_r50_coco --data configs/evaluation/ade20k.py

Images and labels are squashed to 512 x 512, and retrieval sees the training images twice, as in the open reproduction
of Balazevic et al. (NeurIPS 2023). Published memories have 10^4 to 10^7 patches; 10^7 of a ResNet-50's take 84 GB.
"""

resolution = 512
pipeline = [
    dict(type="slotcon_mm.LoadImage", exif=False),
    dict(type="slotcon_mm.LoadLabels"),
    dict(type="slotcon_mm.Squash", size=resolution),
]
files = dict(
    type="slotcon_mm.LabelMapDataset",
    data_root="data/ade/ADEChallengeData2016",
    label_set="ade20k-150",
    pipeline=pipeline,
)
train = dict(data_prefix=dict(img_path="images/training", seg_map_path="annotations/training"), **files)
held_out = dict(data_prefix=dict(img_path="images/validation", seg_map_path="annotations/validation"), **files)
choices = dict(size=resolution, memory=1_024_000, augmentation_epochs=2)
