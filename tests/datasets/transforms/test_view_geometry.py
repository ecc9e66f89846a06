"""Crops and the region they share."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slotcon_mm.datasets.transforms.view_geometry import (
    Crop,
    central_crop,
    draw_crop,
    draw_overlapping_crop,
    overlap_area,
    overlap_boxes,
)

SCALE, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)
sides = st.integers(1, 700)


def draw_pair(seed: int, width: int, height: int) -> list[Crop]:
    rng = np.random.default_rng(seed)
    first = draw_crop(rng, width, height, SCALE, RATIO)
    return [first, draw_overlapping_crop(rng, first, width, height, SCALE, RATIO, 0.01)]


@given(width=sides, height=sides, seed=st.integers(0, 2**32))
def test_crops_lie_within_the_image(width, height, seed):
    for crop in draw_pair(seed, width, height):
        assert crop.left >= 0
        assert crop.top >= 0
        assert 1 <= crop.width <= width - crop.left
        assert 1 <= crop.height <= height - crop.top


def test_area_is_uniform_and_aspect_log_uniform():
    rng = np.random.default_rng(0)
    crops = [draw_crop(rng, 640, 480, SCALE, RATIO) for _ in range(20000)]
    # draws that do not fit are drawn again, so large areas are rarer: below half the image nearly all fit
    small = np.array([c.width * c.height / (640 * 480) for c in crops])
    small = small[small < 0.5]
    assert np.histogram(small, bins=6, range=(0.08, 0.5))[0] == pytest.approx(len(small) / 6, rel=0.06)
    aspects = np.log([c.width / c.height for c in crops if c.drawn_area < 0.4 * 640 * 480])
    assert np.mean(aspects) == pytest.approx(0, abs=0.01)
    assert np.std(aspects) == pytest.approx((math.log(4 / 3) * 2) / math.sqrt(12), rel=0.02)


def test_the_fallback_is_the_largest_central_crop_of_an_allowed_aspect():
    assert central_crop(400, 100, RATIO)[:4] == (133, 0, 133, 100)
    assert central_crop(100, 400, RATIO)[:4] == (0, 133, 100, 133)
    assert central_crop(100, 90, RATIO)[:4] == (0, 0, 100, 90)


def test_pairs_overlap_except_for_the_known_share_on_panoramas():
    def share_without_overlap(width: int, height: int) -> float:
        return np.mean([overlap_area(*draw_pair(seed, width, height)) == 0 for seed in range(4000)])

    assert share_without_overlap(640, 480) < 0.002
    assert share_without_overlap(1600, 400) == pytest.approx(0.2, abs=0.03)


@settings(max_examples=200)
@given(width=sides, height=sides, seed=st.integers(0, 2**32), flips=st.tuples(st.booleans(), st.booleans()))
def test_boxes_point_both_views_at_the_same_part_of_the_image(width, height, seed, flips):
    crops = draw_pair(seed, width, height)
    boxes = overlap_boxes(crops, flips)
    if overlap_area(*crops) == 0:
        assert not boxes.any()
        return
    in_image = []
    for box, crop, flip in zip(boxes, crops, flips, strict=True):
        x0, y0, x1, y1 = box.astype(float)
        if flip:
            x0, x1 = 1 - x1, 1 - x0
        in_image.append((crop.left + x0 * crop.width, crop.top + y0 * crop.height,
                           crop.left + x1 * crop.width, crop.top + y1 * crop.height))  # fmt: skip
        assert 0 <= box.min() <= box.max() <= 1
    np.testing.assert_allclose(*in_image, atol=1e-3)
    # as published: the mirror image of what was rounded
    plain = overlap_boxes(crops, (False, False))
    for box, expected, flip in zip(boxes, plain, flips, strict=True):
        mirrored = [1 - expected[2], expected[1], 1 - expected[0], expected[3]]
        np.testing.assert_array_equal(box, mirrored if flip else expected)
