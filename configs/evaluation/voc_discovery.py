"""Object discovery on Pascal VOC 2012 val, squashed to 224 x 224: the protocol of SlotMIM (CVPR 2025).

    python tools/evaluate.py work_dirs/slotmim_vit-b16_cocoplus --data configs/evaluation/voc_discovery.py

The paper's: 43.9 for SlotMIM on COCO+, 42.2 for DINO and 43.2 for iBOT on ImageNet, each on 241 thousand images.
"""

resolution = 224
held_out = dict(
    type="slotcon_mm.LabelMapDataset",
    data_root="data/VOCdevkit/VOC2012",
    data_prefix=dict(img_path="JPEGImages", seg_map_path="SegmentationClass"),
    subset="data/VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt",
    label_set="voc-21",
    pipeline=[
        dict(type="slotcon_mm.LoadImage", exif=False),
        dict(type="slotcon_mm.LoadLabels"),
        dict(type="slotcon_mm.Squash", size=resolution),
    ],
)
train = held_out  # nothing is learned from labels
choices = dict(size=resolution, measures=["discovery"])
