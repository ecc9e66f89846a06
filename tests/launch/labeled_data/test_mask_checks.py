"""A detector that asks for masks is not given boxes alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from coco_annotations import POLYGON, annotation, coco_config, write_annotations

from slotcon_mm.launch.labeled_data.coco_checks import expect_coco_files
from slotcon_mm.launch.labeled_data.mask_checks import FOR_BOXES, expect_masks

RLE = dict(size=[64, 96], counts="abc")


@pytest.mark.parametrize("empty", [None, [], {}, ""])
def test_boxes_without_masks_are_refused_with_the_file_their_number_and_the_config(empty):
    instances = [annotation(number, segmentation=mask) for number, mask in enumerate((POLYGON, empty, RLE, empty))]
    with pytest.raises(
        ValueError, match=r"each of the 4 annotations of a.json.* for 2 of them: .*/faster-rcnn_r50_fpn_1x_coco.py"
    ):
        expect_masks(instances, "a.json")


def test_masks_of_every_kind_pass():
    expect_masks([annotation(1), annotation(2, segmentation=RLE)], "a.json")


def test_they_are_asked_for_by_a_pipeline_or_a_score(tmp_path):
    path = write_annotations(tmp_path / "a.json", annotations=[annotation(1, segmentation=None)])
    assert expect_coco_files(coco_config(path))[0] == []
    scored = coco_config(path)
    scored.val_evaluator.metric = ["bbox", "segm"]
    for config in (coco_config(path, with_mask=True), scored):
        with pytest.raises(ValueError, match="got none for 1 of them"):
            expect_coco_files(config)


@pytest.mark.parametrize("unused", [dict(category_id=2), dict(area=0), dict(bbox=[95, 10, 0.5, 5])])
def test_annotations_that_mmdet_leaves_out_need_none(tmp_path, unused):
    annotations = [annotation(1), annotation(2, segmentation=None, **unused)]
    path = write_annotations(tmp_path / "a.json", annotations=annotations)
    expect_coco_files(coco_config(path, ("bolt",), with_mask=True))


def test_the_config_that_is_named_is_there():
    assert (Path(__file__).parents[3] / FOR_BOXES).is_file()
