"""Backgrounds."""

from __future__ import annotations

import numpy as np
import pytest

from slotcon_mm.datasets.scenes.styles import STYLES
from slotcon_mm.datasets.scenes.surroundings import STUFF, paint_outdoors, paint_room


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("paint", [paint_outdoors, paint_room])
def test_surroundings_are_images_in_range_with_a_label_everywhere(paint, style):
    for seed in range(10):
        canvas, labels, horizon = paint(np.random.default_rng(seed), 96, 128, STYLES[style])
        assert canvas.shape == (96, 128, 3)
        assert np.isfinite(canvas).all()
        assert -0.05 <= canvas.min() <= canvas.max() <= 1.05
        assert labels.max() < len(STUFF)
        assert 0 < horizon < 96
