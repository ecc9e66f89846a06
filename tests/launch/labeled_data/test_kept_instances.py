"""What mmdet takes of a file is known, with the reasons, before it takes it."""

from __future__ import annotations

from typing import Any

import pytest
from coco_annotations import annotation, write_annotations
from mmdet.datasets import CocoDataset

from slotcon_mm.launch.labeled_data.coco_files import CocoFile, read_coco_file
from slotcon_mm.launch.labeled_data.kept_instances import expect_images, expect_kept, kept_instances

LEFT_OUT: list[dict[str, Any]] = [
    dict(area=0),
    dict(bbox=[0.1, 0.1, 0.4, 0.4], area=0.16),
    dict(bbox=[10, 10, 0, 0]),
    dict(bbox=[200, 10, 40, 40]),
    dict(bbox=[10, -50, 40, 40]),
    dict(bbox=[95.5, 10, 0.9, 5]),
    dict(image_id=4),
    dict(ignore=True),
]
TAKEN: list[dict[str, Any]] = [
    dict(),
    dict(bbox=[-20, -20, 400, 400]),
    dict(bbox=[95.5, 10, 1, 1], area=0.1),
    dict(iscrowd=1),
    dict(category_id=2),
]


def read(path, *changes: dict[str, Any]) -> CocoFile:
    annotations = [annotation(number, **change) for number, change in enumerate(changes, start=1)]
    return read_coco_file(write_annotations(path, annotations=annotations))


@pytest.mark.parametrize("change", LEFT_OUT + TAKEN)
def test_the_choice_is_mmdet_s(tmp_path, change):
    kept = kept_instances(read(tmp_path / "a.json", change), {1, 2}, reads_masks=False)
    dataset = CocoDataset(
        ann_file=str(tmp_path / "a.json"),
        data_prefix=dict(img=""),
        test_mode=True,
        metainfo=dict(classes=("bolt", "nut")),
    )
    assert len(kept.instances) == len(dataset.get_data_info(0)["instances"])
    assert len(kept.instances) == (change in TAKEN)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (dict(area=0), "2 whose area is not above 0"),
        (
            dict(bbox=[0.1, 0.1, 0.4, 0.4]),
            r"2 whose box is less than a pixel .*looks like shares of the image: multiply",
        ),
        (dict(bbox=[200, 10, 40, 40]), "2 whose box lies outside of the image"),
        (dict(image_id="1"), "2 whose image_id is that of no image"),
        (dict(iscrowd=1), r"2 of a crowd \(iscrowd\)"),
        (dict(segmentation=[[10, 10, 50, 50]]), "2 whose mask has no polygon of three points"),
    ],
)
def test_nothing_to_learn_is_refused_with_the_reason(tmp_path, change, reason):
    kept = kept_instances(read(tmp_path / "a.json", change, change), {1}, reads_masks=True)
    with pytest.raises(ValueError, match=f"in a.json that mmdet takes, got none of 2: {reason}"):
        expect_kept(kept, "a.json", only=True)


def test_a_few_that_are_left_out_are_counted_and_crowds_are_not(tmp_path):
    changes = [dict(), dict(area=0), dict(area=0), dict(iscrowd=1), dict(category_id=3)]
    kept = kept_instances(read(tmp_path / "a.json", *changes), {1}, reads_masks=False)
    (note,) = expect_kept(kept, "a.json", only=True)
    assert note == "a.json: mmdet leaves out 2 of 4 annotations of the classes: 2 whose area is not above 0"
    kept = kept_instances(read(tmp_path / "a.json", dict(), dict(iscrowd=1)), {1}, reads_masks=False)
    assert expect_kept(kept, "a.json", only=True) == []


def test_images_that_the_filter_leaves_out_are_refused_with_the_cause(tmp_path):
    small = dict(id=2, file_name="b.jpg", width=20, height=40)
    file = read(tmp_path / "a.json", dict(image_id=2))._replace(images=[small])
    filters = dict(filter_empty_gt=True, min_size=32)
    with pytest.raises(ValueError, match=r"of 32 pixels or more \(filter_cfg.min_size\) in .*a.json, got none of 1"):
        expect_images(file, {1}, filters)
    large = dict(small, id=3, width=96, height=64)
    with pytest.raises(ValueError, match=r"of the classes in .*a.json, got none among the 1 of 2 images that have 32"):
        expect_images(file._replace(images=[small, large]), {1}, filters)
    expect_images(file, {1}, None)
    with pytest.raises(ValueError, match=r"expected images in .*a.json, got none"):
        expect_images(file._replace(images=[]), {1}, None)
