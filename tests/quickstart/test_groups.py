"""The model's groups and their scores."""

from __future__ import annotations

import numpy as np
import torch
from helpers import tiny_slotcon

from slotcon_mm.datasets.labeled_images import LabeledImages
from slotcon_mm.quickstart.groups import group_images


def test_groups_are_scored_at_the_labels_size_and_leave_the_model_as_it_was():
    model = tiny_slotcon().float()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images = LabeledImages(
        np.random.default_rng(0).integers(0, 256, (3, 24, 32, 3), dtype=np.uint8), np.zeros((3, 24, 32), np.uint8)
    )
    grouped = group_images(model, images, 4, 96)
    assert grouped.maps.shape == (3, 24, 32)
    assert grouped.classes.shape == (5,)
    assert 0 < grouped.scores.pixel_accuracy <= 1
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
