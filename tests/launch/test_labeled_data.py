"""Labels stay on the pixels and names that they were made for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mmdet.datasets import CocoDataset
from mmengine.config import Config

from slotcon_mm.launch.labeled_data import (
    categories_in,
    expect_class_names,
    prepare_labeled_data,
    read_as_stored,
)


def config(root: Path, classes: tuple[str, ...] | None, *categories: str, **changes: Any) -> Config:
    content = dict(
        images=[dict(file_name="categories")], categories=[dict(id=i, name=n) for i, n in enumerate(categories)]
    )
    (root / "a.json").write_text(json.dumps(content))
    dataset = dict(
        type="CocoDataset", data_root=str(root), ann_file="a.json", pipeline=[dict(type="LoadImageFromFile")]
    )
    if classes is not None:
        dataset["metainfo"] = dict(classes=classes)
    return Config(
        dict(
            default_scope="mmdet",
            train_dataloader=dict(dataset=dict(type="RepeatDataset", dataset=dataset)),
            val_dataloader=dict(dataset=dataset),
            **changes,
        )
    )


def test_classes_that_the_file_has_pass(tmp_path):
    assert expect_class_names(config(tmp_path, ("dog", "cat"), "dog", "cat")) == []


def test_the_order_of_the_file_is_that_of_the_labels(tmp_path):
    """As MMDetection has it: a dog would be called a cat."""
    found = config(tmp_path, ("cat", "dog"), "dog", "sheep", "cat")
    path = tmp_path / "a.json"
    content = json.loads(path.read_text())
    images = [dict(id=0, file_name="a.jpg", height=2, width=2)]
    path.write_text(json.dumps({**content, "images": images, "annotations": []}))
    dataset = CocoDataset(
        data_root=str(tmp_path),
        ann_file="a.json",
        data_prefix=dict(img=""),
        test_mode=True,
        metainfo=dict(classes=("cat", "dog")),
    )
    assert dataset.cat2label == {0: 0, 2: 1}
    with pytest.raises(
        ValueError, match=r"order of the categories of .*, got cat, dog: set .*classes=\('dog', 'cat'\)"
    ):
        expect_class_names(found)


def test_categories_of_one_name_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"categories of different names in .*a.json, got several of dog"):
        expect_class_names(config(tmp_path, ("dog", "cat"), "dog", "cat", "dog"))


def test_one_order_holds_for_all_datasets(tmp_path):
    (tmp_path / "other").mkdir()
    found = config(tmp_path, ("cat", "dog"), "cat", "dog")
    found.val_dataloader = config(tmp_path / "other", ("dog", "cat"), "dog", "cat").val_dataloader
    with pytest.raises(ValueError, match=r"one order in all datasets.*cat, dog for .*a.json; dog, cat for .*a.json"):
        expect_class_names(found)


def test_a_misspelt_class_is_refused_with_the_names_that_there_are(tmp_path):
    with pytest.raises(ValueError, match=r"categories of .*a.json, got dgo, which it does not have. It has cat, dog"):
        expect_class_names(config(tmp_path, ("cat", "dgo"), "dog", "cat"))


def test_the_datasets_own_classes_are_asked_for_without_others(tmp_path):
    with pytest.raises(ValueError, match=r"got person, bicycle, .* and 75 more, .* It has my thing. Set meta"):
        expect_class_names(config(tmp_path, None, "my thing"))


def test_categories_that_are_left_out_are_said_once(tmp_path):
    (note,) = expect_class_names(config(tmp_path, ("cat",), "dog", "cat"))
    assert note.endswith("categories that no class of the config takes are left out: dog")


def test_a_file_that_is_absent_is_the_hosts_to_name(tmp_path):
    found = config(tmp_path, ("cat",), "cat")
    (tmp_path / "a.json").unlink()
    assert expect_class_names(found) == []


def test_a_file_without_categories_is_named(tmp_path):
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(ValueError, match=r"COCO's format, got .*b.json, which has no categories"):
        categories_in(tmp_path / "b.json")


def test_labeled_images_are_read_as_stored(tmp_path):
    found = config(tmp_path, ("cat",), "cat")
    assert read_as_stored(found) == [
        "labeled images are read as stored, without their EXIF orientation, as annotations are"
    ]
    for dataset in (found.train_dataloader.dataset.dataset, found.val_dataloader.dataset):
        assert dataset.pipeline[0]["color_type"] == "color_ignore_orientation"
    assert read_as_stored(found) == []


def test_another_reading_stays(tmp_path):
    found = config(tmp_path, ("cat",), "cat")
    for dataset in (found.train_dataloader.dataset.dataset, found.val_dataloader.dataset):
        dataset.pipeline[0]["color_type"] = "unchanged"
    assert read_as_stored(found) == []
    assert found.val_dataloader.dataset.pipeline[0]["color_type"] == "unchanged"


def test_pretraining_is_left_alone(tmp_path):
    found = config(tmp_path, ("no such",), "cat")
    found.default_scope = "mmpretrain"
    before = found.to_dict()
    assert prepare_labeled_data(found) == []
    assert found.to_dict() == before
