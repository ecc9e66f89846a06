"""labelme's JSON of named groups."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from slotcon_mm.inference.group_names import GroupNames
from slotcon_mm.inference.labelme_files import labelme_files
from slotcon_mm.inference.outputs import Source, list_sources

NAMES = GroupNames(("car", "road"), np.array([1, 0, 2], np.uint8))
GROUPS = np.ones((30, 40), np.uint8)
GROUPS[10:] = 2
GROUPS[15:20, 5:15] = 0


@pytest.fixture
def source(tmp_path: Path) -> Source:
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in/sub/a.jpg").touch()
    return list_sources(tmp_path / "in")[0]


def write(folder: Path, source: Source, image: np.ndarray | None = None) -> Path:
    with labelme_files(folder, NAMES, [source]) as add:
        return add(source, dict(group_map=GROUPS, image=image))


def test_its_shapes_drawn_as_labelme_draws_them_are_the_named_groups(source, tmp_path):
    path = write(tmp_path / "out", source)
    assert path == tmp_path / "out/sub/a.json"
    content = json.loads(path.read_text())
    assert (path.parent / content["imagePath"]).resolve() == tmp_path / "in/sub/a.jpg"
    assert (content["imageHeight"], content["imageWidth"], content["imageData"], content["flags"]) == (30, 40, None, {})
    assert [(shape["label"], shape["shape_type"]) for shape in content["shapes"]] == [
        ("car", "polygon"),
        ("road", "polygon"),
    ]
    for number, shape in enumerate(content["shapes"], start=1):
        assert shape.keys() == {"label", "points", "group_id", "description", "shape_type", "flags"}
        mask = Image.new("1", (40, 30))
        ImageDraw.Draw(mask).polygon([tuple(point) for point in shape["points"]], fill=1, outline=1)
        drawn, wanted = np.array(mask), NAMES.category_map(GROUPS) == number
        # the outline is a pixel wide
        assert not (ndimage.binary_erosion(wanted) & ~drawn).any()
        assert not (drawn & ~ndimage.binary_dilation(wanted, np.ones((3, 3)))).any()


def test_what_lies_on_no_disk_is_embedded(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    content = json.loads(write(tmp_path, list_sources(image)[0], image).read_text())
    assert content["imagePath"] == "array"
    with Image.open(io.BytesIO(base64.b64decode(content["imageData"]))) as embedded:
        np.testing.assert_array_equal(np.array(embedded), image)


def test_a_second_call_replaces_its_own_file_but_none_that_labelme_has_saved_since(source, tmp_path):
    path = write(tmp_path / "out", source)
    assert write(tmp_path / "out", source) == path
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "version": "6.3.1", "shapes": []}))
    other = write(tmp_path / "out", source)
    assert other != path
    assert json.loads(path.read_text())["shapes"] == []
    assert write(tmp_path / "out", source) == other
    other.write_text(json.dumps({**content, "version": "6.3.1", "shapes": []}))  # corrected as well
    assert write(tmp_path / "out", source) not in (path, other)
    assert json.loads(other.read_text())["shapes"] == []


def test_a_half_written_file_is_replaced(source, tmp_path):
    path = write(tmp_path / "out", source)
    path.write_bytes(path.read_bytes()[:-20])
    assert write(tmp_path / "out", source) == path


@pytest.mark.parametrize("content", ["[1]", "{}", '{"version": "5.4"'])
def test_a_file_of_another_kind_stays(source, tmp_path, content):
    path = tmp_path / "out/sub/a.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert write(tmp_path / "out", source) != path
    assert path.read_text() == content
