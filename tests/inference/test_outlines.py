"""Polygons of masks, drawn again by pycocotools."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from scipy import ndimage

from slotcon_mm.inference.outlines import LEAST_AREA, outline, parts_by_category


def drawn(polygon: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return coco_mask.decode(coco_mask.frPyObjects([polygon.ravel().tolist()], *shape)[0]).astype(bool)


def shoelace(polygon: np.ndarray) -> float:
    x, y = polygon.T.astype(float)
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2


@given(st.integers(0, 2**32 - 1), st.integers(1, 25), st.integers(1, 25), st.integers(1, 4), st.floats(0.3, 0.6))
def test_without_tolerance_a_polygon_encloses_its_part_to_the_pixel_holes_left_open(seed, height, width, blur, level):
    mask = ndimage.uniform_filter(np.random.default_rng(seed).random((height, width)), blur) > level
    parts, count = ndimage.label(mask, np.ones((3, 3)))
    for number in range(1, count + 1):
        polygon = outline(parts == number, tolerance=0, least_hole=1)
        assert shoelace(polygon) == (parts == number).sum()
        np.testing.assert_array_equal(drawn(polygon, mask.shape), parts == number)


def test_both_rules_of_filling_leave_a_hole_open():
    ring = np.ones((20, 30), bool)
    ring[5:12, 8:20] = False
    polygon = outline(ring)
    assert len(polygon) == 4 + 4 + 2
    # even-odd by OpenCV, which draws the outline too; nonzero by the winding number of the hole's middle
    filled = cv2.fillPoly(np.zeros((21, 31), np.uint8), [polygon], 1)
    assert filled[8, 13] == 0
    assert filled[2, 25] == 1
    turns = np.diff(np.unwrap(np.arctan2(*(np.append(polygon, polygon[:1], axis=0) - (13.5, 8.5)).T[::-1])))
    assert round(turns.sum() / (2 * np.pi)) == 0


def test_slanted_borders_need_few_vertices_and_stay_within_a_pixel():
    disk = np.hypot(*np.mgrid[-60:61, -60:61]) < 55
    polygon = outline(disk)
    assert len(polygon) < 40 < len(outline(disk, tolerance=0))
    off = drawn(polygon, disk.shape) != disk
    border = disk & ~ndimage.binary_erosion(disk, iterations=2) | (ndimage.binary_dilation(disk, iterations=2) & ~disk)
    assert not (off & ~border).any()
    assert off.sum() < 0.02 * disk.sum()


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (2, 9), (4, 4)])
def test_thin_and_small_parts_keep_an_area(shape):
    assert shoelace(outline(np.ones(shape, bool))) == shape[0] * shape[1]


def test_each_connected_part_of_each_category_has_its_area_and_box_and_specks_are_left_out():
    category_map = np.zeros((40, 50), np.uint8)
    category_map[2:12, 3:23] = 1
    category_map[4:8, 5:15] = 2  # in a hole of the first
    category_map[30:34, 40:44] = 2  # LEAST_AREA
    category_map[20:25, 20:23] = 1  # one less
    found = [(category, part.area, part.box) for category, part in parts_by_category(category_map)]
    assert LEAST_AREA == 16
    assert found == [(1, 160, (3, 2, 20, 10)), (2, 40, (5, 4, 10, 4)), (2, 16, (40, 30, 4, 4))]
    for category, part in parts_by_category(category_map):
        x, y, width, height = part.box
        inside = drawn(part.polygon_n2, (40, 50))
        assert inside.sum() == part.area
        assert (category_map[inside] == category).all()
        assert inside[y : y + height, x : x + width].sum() == part.area


def test_parts_that_touch_at_a_corner_are_one():
    category_map = np.kron(np.eye(2, dtype=np.uint8), np.ones((6, 6), np.uint8))
    ((_, part),) = parts_by_category(category_map)
    assert part.area == 72
    np.testing.assert_array_equal(drawn(part.polygon_n2, (12, 12)), category_map == 1)
