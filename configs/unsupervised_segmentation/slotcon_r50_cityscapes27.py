"""Unsupervised semantic segmentation on Cityscapes-27 (labelIds 7 to 33), by the same metric."""

_base_ = "./slotcon_r50_coco-stuff27.py"

test_dataloader = dict(
    dataset=dict(
        data_root="data/cityscapes",
        data_prefix=dict(img_path="leftImg8bit/val", seg_map_path="gtFine/val"),
        img_suffix="_leftImg8bit",
        seg_map_suffix="_gtFine_labelIds.png",
        label_set="cityscapes-27",
        subset="all",
    )
)
