"""Noise, patterns and colors."""

from __future__ import annotations

import numpy as np
import pytest

from slotcon_mm.datasets.scenes.textures import NOISES, PATTERNS, pattern, random_color, surface_noise


@pytest.mark.parametrize("name", sorted(NOISES))
def test_noises_use_their_range(name):
    noise = surface_noise(np.random.default_rng(0), name, 90, 120)
    assert noise.shape == (90, 120)
    assert 0 <= noise.min() < 0.3 < 0.7 < noise.max() <= 1


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
