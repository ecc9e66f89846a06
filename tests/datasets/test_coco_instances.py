"""Files of instances in COCO's format: what they tell, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slotcon_mm.datasets.coco_instances import read_coco

SQUARE = [[1, 1, 4, 1, 4, 4, 1, 4]]


def content(**changes: object) -> dict:
    return (
        dict(
            images=[dict(id=5, file_name="b.jpg", height=6, width=8), dict(id=3, file_name="sub/a.jpg")],
            annotations=[
                dict(id=1, image_id=5, category_id=9, segmentation=SQUARE, iscrowd=0),
                dict(id=2, image_id=5, category_id=2, segmentation=SQUARE, iscrowd=1),
            ],
            categories=[dict(id=9, name="car"), dict(id=2, name="dog")],
        )
        | changes
    )


def write(folder: Path, given: object) -> Path:
    (folder / "instances.json").write_text(given if isinstance(given, str) else json.dumps(given))
    return folder / "instances.json"


def test_classes_are_background_and_the_categories_in_the_order_of_their_ids(tmp_path):
    found = read_coco(write(tmp_path, content()))
    assert found.classes == ("background", "dog", "car")
    label_set = found.label_set()
    assert label_set.names == found.classes
    assert label_set.is_thing().tolist() == [False, True, True]
    assert found.images == {
        "b.jpg": dict(
            height=6, width=8,
            annotations=[
                dict(id=1, label=2, segmentation=SQUARE, is_crowd=False),
                dict(id=2, label=1, segmentation=SQUARE, is_crowd=True),
            ],
        ),
        "sub/a.jpg": dict(height=None, width=None, annotations=[]),
    }  # fmt: skip


def test_a_category_that_is_called_background_is_class_0(tmp_path):
    categories = [dict(id=0, name="cat"), dict(id=2, name="background"), dict(id=9, name="dog")]
    found = read_coco(write(tmp_path, content(categories=categories)))
    assert found.classes == ("background", "cat", "dog")
    assert [a["label"] for a in found.images["b.jpg"]["annotations"]] == [2, 0]


def annotation(**changes: object) -> list[dict]:
    return [dict(dict(id=7, image_id=5, category_id=2, segmentation=SQUARE), **changes)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("no json", "expected a readable JSON file, got .*instances.json"),
        ("[" * 100_000, "expected a readable JSON file"),
        ([], "a JSON object in COCO's format, got .*instances.json"),
        (dict(categories=[]), "no list of images and annotations"),
        (content(categories=[]), "expected categories in COCO's format, got none"),
        (content(categories=[dict(id="1", name="a")]), "categories with id and name, got {'id': '1'"),
        (content(categories=[dict(id=1, name="a"), dict(id=2, name="a")]), "each id and name of a category once"),
        (content(images=[dict(id=5)]), "images with id and file_name, got {'id': 5}"),
        (content(images=[dict(id=[5], file_name="a")]), "images with id and file_name"),
        (content(images=[dict(id=i, file_name="a.jpg") for i in (3, 5)]), "each image once, got a.jpg twice"),
        (content(annotations=[5]), "annotations with image_id and category_id, got 5"),
        (content(annotations=annotation(image_id=4)), "the image_id of annotation 7 among those of the file, got 4"),
        (content(annotations=annotation(image_id=[4])), r"the image_id of annotation 7 .* got \[4\]"),
        (content(annotations=annotation(category_id=4)), "the category_id of annotation 7 .* got 4"),
        (content(annotations=annotation(segmentation=[])), "a mask .* of annotation 7, got none: .* of boxes"),
        (content(annotations=annotation(segmentation=None)), "a mask .* of annotation 7, got none"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_instances_is_refused(given, message, tmp_path):
    with pytest.raises(ValueError, match=message) as refused:
        read_coco(write(tmp_path, given))
    assert "instances.json" in str(refused.value)


def test_more_classes_than_a_label_map_holds_are_refused_only_where_they_are_classes(tmp_path):
    found = read_coco(write(tmp_path, content(categories=[dict(id=i, name=f"c{i}") for i in range(255)])))
    with pytest.raises(ValueError, match=r"instances.json, with background: expected at most 255 classes, got 256"):
        found.label_set()
