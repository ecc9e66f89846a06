"""Files of label maps in colors, of every kind that holds colors."""

from __future__ import annotations

import io

import numpy as np
import pytest
from images import encoded
from PIL import Image

from slotcon_mm.datasets.label_files import BadLabelMapError, read_labels
from slotcon_mm.datasets.label_sets import label_set_of

COLORS = [(0, 0, 0), (200, 10, 30), (255, 255, 255)]
SET = label_set_of(dict(classes=("road", "car"), palette=COLORS[:2], ignore=COLORS[2]))
LABELS = np.array([[0, 1, 1], [255, 0, 1]])


def drawn() -> Image.Image:
    return Image.fromarray(np.array(COLORS, np.uint8)[np.where(LABELS == 255, 2, LABELS)])


@pytest.mark.parametrize("kind", ["RGB", "RGBA", "P"])
def test_colors_are_read_with_alpha_and_by_palette(kind, tmp_path):
    image = drawn()
    image = image.quantize(8) if kind == "P" else image.convert(kind)
    assert image.mode == kind
    image.save(tmp_path / "a.png")
    assert read_labels(str(tmp_path / "a.png"), SET).tolist() == LABELS.tolist()


@pytest.mark.parametrize("kind", ["L", "1"])
def test_a_gray_is_a_color(kind, tmp_path):
    black_and_white = label_set_of(dict(classes=("background", "object"), palette=["#000000", "#ffffff"]))
    Image.fromarray(np.array([[0, 255]], np.uint8)).convert(kind).save(tmp_path / "a.png")
    assert read_labels(str(tmp_path / "a.png"), black_and_white).tolist() == [[0, 1]]


def test_a_palette_file_is_read_by_index_where_the_set_has_values(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [2, 255]], np.uint8), "P")
    image.putpalette([7] * 768)
    image.save(tmp_path / "a.png")
    values = label_set_of(dict(classes=("x", "y", "z")))
    assert read_labels(str(tmp_path / "a.png"), values).tolist() == [[0, 1], [2, 255]]


def test_the_file_and_its_color_are_named(tmp_path):
    image = drawn()
    image.putpixel((0, 0), (1, 2, 3))
    image.save(tmp_path / "odd.png")
    with pytest.raises(BadLabelMapError, match=r"odd.png: expected the colors of 2 classes .* got #010203 \(1, 2, 3\)"):
        read_labels(str(tmp_path / "odd.png"), SET)
    Image.fromarray(np.zeros((2, 2), np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(
        BadLabelMapError, match=r"deep.png: expected a label map of 8-bit colors, got Pillow's mode I;16"
    ):
        read_labels(str(tmp_path / "deep.png"), SET)
    Image.open(io.BytesIO(encoded(drawn(), "JPEG", quality=30))).save(tmp_path / "was-lossy.png")
    with pytest.raises(BadLabelMapError, match="come from JPEG"):
        read_labels(str(tmp_path / "was-lossy.png"), SET)
