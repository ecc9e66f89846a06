"""Labels stay on the pixels that they were made for."""

from __future__ import annotations

import pytest
from coco_annotations import coco_config, write_annotations

from slotcon_mm.launch.labeled_data.prepare import prepare_labeled_data, read_as_stored


def test_labeled_images_are_read_as_stored(tmp_path):
    found = coco_config(tmp_path / "a.json")
    assert read_as_stored(found) == [
        "labeled images are read as stored, without their EXIF orientation, as annotations are"
    ]
    for dataset in (found.train_dataloader.dataset.dataset, found.val_dataloader.dataset):
        assert dataset.pipeline[0]["color_type"] == "color_ignore_orientation"
    assert read_as_stored(found) == []


def test_another_reading_stays(tmp_path):
    found = coco_config(tmp_path / "a.json")
    for dataset in (found.train_dataloader.dataset.dataset, found.val_dataloader.dataset):
        dataset.pipeline[0]["color_type"] = "unchanged"
    assert read_as_stored(found) == []
    assert found.val_dataloader.dataset.pipeline[0]["color_type"] == "unchanged"


def test_pretraining_is_left_alone(tmp_path):
    found = coco_config(tmp_path / "a.json", "no such")
    found.default_scope = "mmpretrain"
    before = found.to_dict()
    assert prepare_labeled_data(found) == []
    assert found.to_dict() == before


def test_classes_heads_and_files_are_looked_at(tmp_path):
    path = write_annotations(tmp_path / "a.json")
    found = coco_config(path)
    found.model = dict(bbox_head=dict(type="RetinaHead", num_classes=2))
    (note,) = prepare_labeled_data(found)
    assert note.startswith("labeled images are read as stored")
    found.model.bbox_head.num_classes = 80
    with pytest.raises(ValueError, match="expected 2 classes of each head"):
        prepare_labeled_data(found)
    with pytest.raises(ValueError, match="got the string 'bolt'"):
        prepare_labeled_data(coco_config(path, "bolt"))
    with pytest.raises(ValueError, match="got boltt, which it does not have"):
        prepare_labeled_data(coco_config(path, ("boltt", "nut")))
