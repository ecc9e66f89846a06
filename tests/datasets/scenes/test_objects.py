"""Outlines of things."""

from __future__ import annotations

import numpy as np
import pytest

from slotcon_mm.datasets.scenes.objects import SHAPES, THINGS


@pytest.mark.parametrize("name", THINGS)
def test_every_thing_stands_on_the_ground_and_is_about_a_unit_high(name):
    for seed in range(20):
        points = np.concatenate([part.outline for part in SHAPES[name](np.random.default_rng(seed))])
        assert -0.12 <= points[:, 1].min() <= 0.12
        assert 0.35 <= points[:, 1].max() <= 1.15
        assert np.abs(points[:, 0]).max() <= 0.75
