"""Frozen features on Pascal VOC 2012, 21 classes: learn from the augmented training set, be scored on val.

    python tools/evaluate.py work_dirs/slotcon_r50_coco --data configs/evaluation/voc.py

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
    data_root="data/VOCdevkit/VOC2012",
    label_set="voc-21",
    pipeline=pipeline,
)
lists = "data/VOCdevkit/VOC2012/ImageSets/Segmentation"
train = [
    dict(
        data_prefix=dict(img_path="JPEGImages", seg_map_path="SegmentationClass"), subset=f"{lists}/train.txt", **files
    ),
    # by mmseg's tools/dataset_converters/voc_aug.py
    dict(
        data_prefix=dict(img_path="JPEGImages", seg_map_path="SegmentationClassAug"), subset=f"{lists}/aug.txt", **files
    ),
]
held_out = dict(
    data_prefix=dict(img_path="JPEGImages", seg_map_path="SegmentationClass"), subset=f"{lists}/val.txt", **files
)
choices = dict(size=resolution, memory=1_024_000, augmentation_epochs=2)
