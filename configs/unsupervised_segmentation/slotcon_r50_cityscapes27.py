"""Unsupervised semantic segmentation on Cityscapes-27 (labelIds 7 to 33), by the same metric."""

_base_ = "./slotcon_r50_coco-stuff27.py"

label_set = "cityscapes-27"
test_pipeline = [
    dict(type="slotcon_mm.LoadImage", exif=False),
    dict(type="slotcon_mm.LoadLabels", label_set=label_set),
    dict(type="slotcon_mm.ResizeShortSide", size=320),
    dict(type="slotcon_mm.CenterCrop", size=320),
    dict(type="PackInputs", algorithm_keys=("gt_sem_seg",), meta_keys=("img_path",)),
]
test_dataloader = dict(
    dataset=dict(
        data_root="data/cityscapes",
        data_prefix=dict(img_path="leftImg8bit/val", seg_map_path="gtFine/val"),
        img_suffix="_leftImg8bit",
        seg_map_suffix="_gtFine_labelIds.png",
        label_set=label_set,
        subset="all",
        pipeline=test_pipeline,
    )
)
test_evaluator = dict(label_set=label_set)
