"""Noise, patterns and colors."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from slotcon_mm.datasets.scenes.textures import NOISES, PATTERNS, cell_noise, pattern, random_color, surface_noise


@pytest.mark.parametrize("name", sorted(NOISES))
def test_noises_use_their_range(name):
    noise = surface_noise(np.random.default_rng(0), name, 90, 120)
    assert noise.shape == (90, 120)
    assert 0 <= noise.min() < 0.3 < 0.7 < noise.max() <= 1


def test_noises_of_other_names_have_other_seeds():
    assert len({noise.seed for noise in NOISES.values()}) == len(NOISES)


def test_cells_are_bounded_by_zeros_and_as_many_as_asked_for():
    cells = (cell_noise(np.random.default_rng(0), 8, 4) > 0.05).astype(np.uint8)
    _, _, sizes, _ = cv2.connectedComponentsWithStats(cells, connectivity=4)
    large = np.count_nonzero(sizes[1:, cv2.CC_STAT_AREA] > 500)
    assert 0.75 * 8 * 4 <= large <= 1.6 * 8 * 4  # cells on the tile's edges are there in part


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_are_shares(name):
    share = pattern(np.random.default_rng(0), name, 30, 40, 8.0)
    assert share.shape == (30, 40)
    assert 0 <= share.min() <= share.max() <= 1


def test_colors_come_from_the_given_ranges():
    rng = np.random.default_rng(0)
    grays = np.stack([random_color(rng, saturation=(0, 0), value=(0.5, 0.5)) for _ in range(5)])
    np.testing.assert_allclose(grays, 0.5, atol=1e-6)
    red = random_color(rng, hue=(0, 0), saturation=(1, 1), value=(1, 1))
    np.testing.assert_allclose(red, [1, 0, 0], atol=1e-6)
