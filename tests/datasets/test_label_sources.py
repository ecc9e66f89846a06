"""Labels beside a folder of images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slotcon_mm.datasets.label_sources import open_labels


def test_a_label_map_lies_at_the_same_place_with_another_ending(tmp_path):
    (tmp_path / "labels/town").mkdir(parents=True)
    (tmp_path / "labels/town/x_ids.png").touch()
    source = open_labels(str(tmp_path / "labels"), "voc-21", "_photo", "_ids.png")
    found = source.of(str(tmp_path / "images/town/x_photo.jpg"), str(tmp_path / "images"))
    assert found is not None
    assert found["seg_map_path"] == str(tmp_path / "labels/town/x_ids.png")
    assert found["label_set"].names[1] == "aeroplane"
    assert source.of(str(tmp_path / "images/town/y_photo.jpg"), str(tmp_path / "images")) is None


def test_a_json_tells_classes_and_annotations(tmp_path):
    content = dict(images=[dict(id=1, file_name="s/a.jpg")], annotations=[], categories=[dict(id=1, name="dog")])
    (tmp_path / "a.JSON").write_text(json.dumps(content))
    source = open_labels(str(tmp_path / "a.JSON"), None)
    found = source.of("images/s/a.jpg", "images/")
    assert found == dict(height=None, width=None, annotations=[], label_set=source.label_set)
    assert source.label_set.names == ("background", "dog")
    assert source.of("images/a.jpg", "images") is None
    with pytest.raises(ValueError, match=r"no label set with .*a.JSON, whose categories are the classes, got 'voc-21'"):
        open_labels(str(tmp_path / "a.JSON"), "voc-21")


def test_a_folder_needs_a_label_set(tmp_path):
    (tmp_path / "maps.json").mkdir()  # a folder, whatever its name
    with pytest.raises(ValueError, match="expected label_set"):
        open_labels(str(tmp_path / "maps.json"), None)
    assert open_labels(str(tmp_path / "maps.json"), "scenes").instances is None
    assert Path(open_labels(str(tmp_path / "maps.json"), "scenes").labels) == tmp_path / "maps.json"


def test_label_maps_among_the_images_are_no_images(tmp_path):
    source = open_labels(str(tmp_path), "voc-21")
    files = [str(tmp_path / name) for name in ("a.jpg", "a.png", "b.jpg")]
    assert source.images_among(files, str(tmp_path)) == [files[0], files[2]]
    with pytest.raises(ValueError, match=r"for each of 1 files below .* the file itself as its label map"):
        source.images_among(files[1:2], str(tmp_path))
