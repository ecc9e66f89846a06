"""Classes get the labels that mmdet gives to their categories."""

from __future__ import annotations

import pytest
from coco_annotations import write_annotations
from mmdet.datasets import CocoDataset, LVISV1Dataset, Objects365V1Dataset

from slotcon_mm.launch.labeled_data.coco_classes import expect_categories, labeled_categories
from slotcon_mm.launch.labeled_data.coco_files import read_coco_file


@pytest.mark.parametrize("kind", [CocoDataset, Objects365V1Dataset])
def test_the_order_of_labels_is_mmdet_s(tmp_path, kind):
    """Objects365 sorts categories by id, COCO takes them as they come."""
    categories = [dict(id=number, name=name) for number, name in ((5, "dog"), (9, "sheep"), (2, "cat"))]
    path = write_annotations(tmp_path / "a.json", annotations=[], categories=categories)
    dataset = kind(ann_file=str(path), data_prefix=dict(img=""), test_mode=True, metainfo=dict(classes=("cat", "dog")))
    labels = sorted(dataset.cat2label, key=dataset.cat2label.get)
    found = labeled_categories(read_coco_file(path), ["cat", "dog"], kind)
    assert [category["id"] for category in found] == labels


def test_lvis_labels_all_categories_whatever_the_classes(tmp_path):
    file = read_coco_file(write_annotations(tmp_path / "a.json", ("dog", "sheep", "cat")))
    with pytest.raises(ValueError, match=r"got dog, cat: set metainfo=dict\(classes=\('dog', 'sheep', 'cat'\)\)"):
        expect_categories(file, ["dog", "cat"], LVISV1Dataset)


def test_another_order_is_refused_with_the_file_s(tmp_path):
    file = read_coco_file(write_annotations(tmp_path / "a.json", ("dog", "sheep", "cat")))
    with pytest.raises(
        ValueError, match=r"order of the categories of .*, got cat, dog: set .*classes=\('dog', 'cat'\)"
    ):
        expect_categories(file, ["cat", "dog"], CocoDataset)
    assert expect_categories(file, ["dog", "cat"], CocoDataset) == [
        f"{tmp_path / 'a.json'}: categories that no class of the config takes are left out: sheep"
    ]


def test_a_misspelt_class_is_refused_with_the_names_that_there_are(tmp_path):
    file = read_coco_file(write_annotations(tmp_path / "a.json", ("dog", "cat")))
    with pytest.raises(ValueError, match=r"categories of .*a.json, got dgo, which it does not have. It has cat, dog"):
        expect_categories(file, ["cat", "dgo"], CocoDataset)


def test_categories_of_one_name_are_refused(tmp_path):
    file = read_coco_file(write_annotations(tmp_path / "a.json", ("dog", "cat", "dog")))
    with pytest.raises(ValueError, match=r"categories of different names in .*a.json, got several of dog"):
        expect_categories(file, ["dog", "cat"], CocoDataset)
