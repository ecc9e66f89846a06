"""Images and annotations in COCO's format have what is read of them."""

from __future__ import annotations

import re

import pytest
from coco_annotations import annotation

from slotcon_mm.launch.labeled_data.coco_entries import OPTIONAL, expect_entries
from slotcon_mm.launch.labeled_data.coco_files import CocoFile

IMAGE = dict(id=1, file_name="a.jpg", width=96, height=64)


def file(*annotations: dict, images: list[dict] | None = None) -> CocoFile:
    return CocoFile("a.json", [dict(id=1, name="bolt")], [IMAGE] if images is None else images, list(annotations))


def test_whole_entries_pass():
    expect_entries(file(annotation(1), annotation(2, segmentation=dict(size=[64, 96], counts="abc"))), OPTIONAL)


@pytest.mark.parametrize("key", ["id", "image_id", "category_id", "bbox", "area", "iscrowd"])
def test_an_absent_key_is_named_with_its_place_and_number(key):
    place = r"annotations\[1\]" + ("" if key == "id" else r" \(id 2\)")
    with pytest.raises(
        ValueError, match=f"expected {key} in each .*a.json, got none in {place} and 1 more: (write|num)"
    ):
        expect_entries(file(annotation(1), annotation(2, **{key: None}), annotation(3, **{key: None})), OPTIONAL)


@pytest.mark.parametrize("key", ["id", "file_name", "height", "width"])
def test_of_images_too(key):
    image = {name: value for name, value in IMAGE.items() if name != key}
    with pytest.raises(ValueError, match=rf"expected {key} in each of the images of a.json, got none in images\[0\]"):
        expect_entries(file(images=[image]), OPTIONAL)


@pytest.mark.parametrize(
    "wrong",
    [
        dict(bbox=[1, 2, 3]),
        dict(bbox=[1, 2, 3, float("nan")]),
        dict(area="1200"),
        dict(iscrowd="0"),
        dict(segmentation=[10, 10, 50, 10, 50, 40]),
        dict(segmentation=[[]]),
        dict(segmentation=dict(counts="abc")),
    ],
)
def test_values_of_another_kind_are_shown(wrong):
    ((key, value),) = wrong.items()
    said = re.escape(f"got {str(value)[:40]} in annotations[0] (id 4): write")
    with pytest.raises(ValueError, match=f"expected {key} in each .*{said}"):
        expect_entries(file(annotation(4, **wrong)), OPTIONAL)


def test_what_a_run_does_not_read_may_be_absent_and_so_may_masks():
    image = {name: value for name, value in IMAGE.items() if name != "file_name"}
    expect_entries(file(annotation(1, iscrowd=None, segmentation=[1, 2]), images=[image]))
    expect_entries(file(annotation(1, segmentation=None), annotation(2, segmentation=[])), OPTIONAL)


def test_ids_come_once():
    with pytest.raises(ValueError, match=r"annotations of different ids in a.json, got several of 7: number them"):
        expect_entries(file(annotation(7), annotation(8), annotation(7)))
    with pytest.raises(ValueError, match=r"images of different ids in a.json, got several of 1"):
        expect_entries(file(images=[IMAGE, IMAGE]))
    with pytest.raises(ValueError, match=r"categories of different ids in a.json, got several of 1"):
        expect_entries(file()._replace(categories=[dict(id=1, name="bolt"), dict(id=1, name="nut")]))
