"""What is said of one file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from images import READABLE, UNREADABLE, encoded
from PIL import Image

from slotcon_mm.datasets.check.examine import examine

ODD = {
    "color.jpg": "",
    "progressive.jpg": "",
    "cmyk.jpg": "CMYK",
    "gray.jpg": "gray",
    "gray.webp": "",
    "turned.jpg": "turned by EXIF",
    "palette.png": "palette",
    "alpha.png": "alpha",
    "sixteen-bit.png": "16 bits, its highest value is 65535",
    "sixteen-bit-color.tif": "16 bits, its highest value is 64250",
    "twelve-bit.tif": "",
    "twelve-bit.pgm": "",
    "pages.tif": "several frames or pages: the first of 2 is read",
    "color.bmp": "",
    "black-and-white.png": "black and white",
    "animated.webp": "several frames or pages: the first of 2 is read",
    "really-a-png.jpg": "PNG by its content",
    "one.png": "small: 1 x 1",
    "line.png": "long: 300 x 1",
}


@pytest.mark.parametrize("name", ODD)
def test_readable_kinds_are_described(tmp_path, name):
    content = READABLE[name][0]
    (tmp_path / name).write_bytes(content)
    found = examine(str(tmp_path), name)
    assert (found.name, found.size, found.problem) == (name, len(content), "")
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    oddities = [oddity for oddity in found.oddities if not oddity.startswith("small") or name == "one.png"]
    assert ODD[name] in "; ".join(oddities)
    assert bool(oddities) == bool(ODD[name])


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_kinds_are_bad_for_the_reason_that_training_gives(tmp_path, name):
    make, reason = UNREADABLE[name]
    make(tmp_path / name)
    found = examine(str(tmp_path), name)
    assert reason in found.problem
    assert "replace or remove" not in found.problem
    assert found.oddities == []


def test_a_name_with_a_lines_end_is_odd(tmp_path):
    name = "two\nlines.png"
    (tmp_path / name).write_bytes(encoded(Image.fromarray(np.zeros((40, 40, 3), np.uint8)), "PNG"))
    assert examine(str(tmp_path), name).oddities == ["a line's end in its name: lists cannot hold it"]


def test_large_images_are_odd(tmp_path):
    Image.new("1", (7100, 7100)).save(tmp_path / "a.png")
    assert "large: 7100 x 7100; slow to decode" in examine(str(tmp_path), "a.png").oddities


def test_a_file_that_is_not_there_is_bad():
    assert "No such file" in examine(str(Path("/nowhere")), "a.png").problem
