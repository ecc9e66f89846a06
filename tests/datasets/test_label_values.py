"""Colors of a label map as classes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotcon_mm.datasets.label_sets import IGNORED, label_set_of
from slotcon_mm.datasets.label_values import classes_of, classes_of_colors

COLOR = st.tuples(*[st.integers(0, 255)] * 3)


@given(st.lists(COLOR, min_size=2, max_size=30, unique=True), st.integers(0, 2**32 - 1))
def test_each_pixel_has_the_class_of_its_color(colors, seed):
    num_void = len(colors) // 3
    palette, void = colors[num_void:], colors[:num_void]
    label_set = label_set_of(dict(classes=[f"c{i}" for i in range(len(palette))], palette=palette, ignore=void))
    chosen = np.random.default_rng(seed).integers(0, len(colors), (5, 7))
    image = np.array(colors, np.uint8)[chosen]
    expected = [[IGNORED if c in void else palette.index(c) for c in map(tuple, row.tolist())] for row in image]
    found = classes_of_colors(image, label_set)
    assert found.dtype == np.uint8
    assert found.tolist() == expected


@pytest.mark.parametrize("color", [(0, 0, 1), (255, 255, 255), (9, 8, 6)])
def test_a_color_of_no_class_is_named_with_how_many_pixels_have_one(color):
    label_set = label_set_of(dict(classes=["a", "b"], palette=[(0, 0, 0), (9, 8, 7)], ignore=[(1, 1, 1)]))
    image = np.zeros((2, 3, 3), np.uint8)
    image[1, 1:] = color
    name = "#" + bytes(color).hex()
    with pytest.raises(
        ValueError, match=rf"2 classes and 1 ignored ones, got {name} .* and such in 2 of 6 pixels: add it to pal"
    ):
        classes_of_colors(image, label_set)


def test_values_and_colors_are_not_taken_for_each_other():
    colors = label_set_of(dict(classes=["a"], palette=["#000000"]))
    with pytest.raises(ValueError, match=r"of 8-bit colors, got uint8 of shape \(2, 2\)"):
        classes_of_colors(np.zeros((2, 2), np.uint8), colors)
    with pytest.raises(ValueError, match=r"8-bit label map of one channel.*give the label set a palette"):
        classes_of(np.zeros((2, 2, 3), np.uint8), label_set_of(dict(classes=["a"])))
