"""Labels stay on the pixels and names that they were made for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from images import READABLE
from mmengine.config import Config

from slotcon_mm.launch.labeled_data import (
    categories_in,
    expect_class_names,
    prepare_labeled_data,
    read_as_stored,
    turned_images,
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
    assert expect_class_names(config(tmp_path, ("cat", "dog"), "dog", "cat")) == []


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


class Listed(list):
    def get_data_info(self, index: int) -> dict[str, Any]:
        return dict(img_path=self[index])


def test_images_that_carry_an_orientation_are_said(tmp_path):
    for name in ("turned.jpg", "color.jpg"):
        (tmp_path / name).write_bytes(READABLE[name][0])
    paths = [str(tmp_path / name) for name in ("color.jpg", "turned.jpg", "none.jpg")]
    assert turned_images(Listed(paths)).startswith(f"1 of 3 images looked at carry an EXIF orientation, {paths[1]} for")
    assert turned_images(Listed(paths[:1])) is None
    assert turned_images(Listed()) is None
