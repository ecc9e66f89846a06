"""The COCO JSON of named groups, read by pycocotools."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

from slotcon_mm.inference.coco_file import coco_file
from slotcon_mm.inference.group_names import GroupNames
from slotcon_mm.inference.outputs import Source, list_sources

NAMES = GroupNames(("car", "road"), np.array([1, 0, 2, 1], np.uint8))  # of prototypes 0 to 3


def group_map() -> np.ndarray:
    groups = np.ones((40, 60), np.uint8)
    groups[20:] = 2
    groups[24:30, 10:20] = 0  # two cars, in holes of the road
    groups[24:30, 40:50] = 3
    return groups


def write(folder: Path, sources: list[Source]) -> Path:
    with coco_file(folder, NAMES, sources) as add:
        paths = {add(source, dict(name=str(source.given), group_map=group_map())) for source in sources}
    (path,) = paths
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name in ("in/a.jpg", "in/sub/a.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path / "in"


def test_its_masks_are_the_named_groups_and_each_thing_is_one_annotation(images, tmp_path):
    path = write(tmp_path / "out", list_sources(images))
    coco = COCO(str(path))
    assert path == tmp_path / "out/instances.json"
    assert [image["file_name"] for image in coco.imgs.values()] == ["a.jpg", "sub/a.jpg"]
    assert {item["id"]: item["name"] for item in coco.cats.values()} == {1: "car", 2: "road"}
    assert list(coco.anns) == [1, 2, 3, 4, 5, 6]
    for image_id, image in coco.imgs.items():
        assert (image["height"], image["width"]) == (40, 60)
        found = coco.imgToAnns[image_id]
        assert [item["category_id"] for item in found] == [1, 1, 2]
        assert [item["bbox"] for item in found] == [[10, 24, 10, 6], [40, 24, 10, 6], [0, 20, 60, 20]]
        drawn = np.zeros((40, 60), int)
        for item in found:
            mask = coco.annToMask(item).astype(bool)
            assert (item["iscrowd"], item["area"], len(item["segmentation"])) == (0, mask.sum(), 1)
            assert not drawn[mask].any()
            drawn[mask] = item["category_id"]
        np.testing.assert_array_equal(drawn, NAMES.category_map(group_map()))


def test_without_an_image_and_without_a_group_it_is_whole(tmp_path):
    with coco_file(tmp_path, NAMES, []):
        pass
    assert json.loads((tmp_path / "instances.json").read_text())["images"] == []
    with coco_file(tmp_path / "b", NAMES, []) as add:
        add(Source("x.jpg", "x", "x.jpg"), dict(group_map=np.ones((2, 2), np.uint8)))
    content = json.loads((tmp_path / "b/instances.json").read_text())
    assert (len(content["images"]), content["annotations"]) == (1, [])


def test_a_call_that_breaks_off_leaves_the_file_of_the_one_before(images, tmp_path):
    path = write(tmp_path / "out", list_sources(images))
    before = path.read_bytes()
    with pytest.raises(KeyError), coco_file(tmp_path / "out", NAMES, list_sources(images)) as add:
        deque(map(add, list_sources(images), [dict(group_map=group_map()), {}]))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["instances.json"]


def test_a_second_call_replaces_its_own_file_and_no_other(images, tmp_path):
    out = tmp_path / "out"
    first = write(out, list_sources(images))
    assert write(out, list_sources(images)) == first
    other = write(out, list_sources(images / "sub"))
    assert other != first
    assert write(out, list_sources(images / "sub")) == other
    first.write_text('{"images": []}')  # the user's own
    assert write(out, list_sources(images)) != first
    assert first.read_text() == '{"images": []}'
