"""A detector that asks for masks is not given boxes alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from slotcon_mm.launch.mask_checks import FOR_BOXES, expect_masks

POLYGON = [[10, 10, 50, 10, 50, 40]]
RLE = dict(size=[64, 96], counts="abc")


def write(root: Path, *masks: Any, **of_the_last: Any) -> Path:
    """An annotation file with a box for each of ``masks``; None: no such key."""
    annotations = [
        dict(id=i, image_id=1, category_id=3, bbox=[10, 10, 40, 30], area=1200, iscrowd=0, segmentation=mask)
        for i, mask in enumerate(masks, start=1)
    ]
    annotations[-1].update(of_the_last)
    annotations = [{key: value for key, value in item.items() if value is not None} for item in annotations]
    content = dict(
        images=[dict(id=1, file_name="a.jpg", width=96, height=64)],
        annotations=annotations,
        categories=[dict(id=3, name="cat"), dict(id=4, name="dog")],
    )
    path = root / "boxes.json"
    path.write_text(json.dumps(content))
    return path


def config(path: Path, loader: str = "train_dataloader", *, with_mask: bool = True, **changes: Any) -> Config:
    dataset = dict(
        type="CocoDataset",
        ann_file=str(path),
        data_prefix=dict(img=""),
        metainfo=dict(classes=("cat",)),
        pipeline=[dict(type="LoadImageFromFile"), dict(type="LoadAnnotations", with_bbox=True, with_mask=with_mask)],
    )
    return Config({loader: dict(dataset=dict(type="RepeatDataset", times=2, dataset=dataset)), **changes})


@pytest.mark.parametrize("loader", ["train_dataloader", "val_dataloader", "test_dataloader"])
@pytest.mark.parametrize("empty", [None, [], {}, ""])
def test_boxes_without_masks_are_refused_with_the_file_their_number_and_the_config(tmp_path, loader, empty):
    path = write(tmp_path, POLYGON, empty, RLE, empty)
    with pytest.raises(
        ValueError,
        match=rf"each of the 4 annotations of {path}.* for 2 of them: .*detection/faster-rcnn_r50_fpn_1x_coco.py",
    ):
        expect_masks(config(path, loader))


def test_one_that_lacks_its_mask_is_found_among_others(tmp_path):
    path = write(tmp_path, *[POLYGON] * 200, None)
    with pytest.raises(ValueError, match=r"201 annotations .* for 1 of them"):
        expect_masks(config(path))


def test_masks_of_every_kind_pass(tmp_path):
    expect_masks(config(write(tmp_path, POLYGON, RLE)))


def test_boxes_are_enough_for_a_config_of_boxes(tmp_path):
    expect_masks(config(write(tmp_path, None), with_mask=False))


def test_scores_of_masks_need_them_too(tmp_path):
    evaluator = dict(type="CocoMetric", metric=["bbox", "segm"])
    boxes = config(write(tmp_path, None), "val_dataloader", with_mask=False, val_evaluator=evaluator)
    with pytest.raises(ValueError, match="got none for 1 of them"):
        expect_masks(boxes)


@pytest.mark.parametrize("unused", [dict(category_id=4), dict(area=0), dict(bbox=[95, 10, 0.5, 5])])
def test_annotations_that_mmdet_leaves_out_need_none(tmp_path, unused):
    expect_masks(config(write(tmp_path, POLYGON, None, **unused)))


def test_the_config_that_is_named_is_there():
    assert (Path(__file__).parents[2] / FOR_BOXES).is_file()
