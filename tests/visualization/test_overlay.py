"""Colors of groups."""

from __future__ import annotations

import numpy as np

from slotcon_mm.visualization import color_of, color_table, overlay_groups


def test_a_prototypes_color_does_not_depend_on_how_many_there_are():
    assert np.array_equal(color_table(5)[3], color_table(100)[3])
    assert np.array_equal(color_table(5)[3], color_of(3))


def test_successive_ids_look_different():
    table = color_table(64).astype(int)
    assert np.abs(np.diff(table, axis=0)).sum(axis=1).min() > 60


def test_the_first_colors_are_all_distinct():
    assert len({tuple(color) for color in color_table(64)}) == 64


def test_an_overlay_mixes_colors_into_the_image_and_darkens_borders():
    image = np.full((4, 6, 3), 200, np.uint8)
    groups = np.zeros((4, 6), int)
    groups[:, 3:] = 1
    result = overlay_groups(image, groups, opacity=0.5)
    assert np.array_equal(result[0, 0], (100 + color_of(0) / 2).astype(np.uint8))
    assert result[0, 2].sum() < result[0, 1].sum()


def test_unmatched_groups_have_a_color_too():
    assert overlay_groups(np.zeros((2, 2, 3), np.uint8), np.array([[-1, 0], [0, 0]])).shape == (2, 2, 3)
