"""The baseline on images whose classes are known to be easy."""

from __future__ import annotations

import numpy as np

from slotcon_mm.datasets.labeled_images import LabeledImages
from slotcon_mm.quickstart.color_baseline import best_color_kmeans


def test_color_kmeans_finds_classes_that_color_gives_away():
    labels = np.zeros((2, 100, 120), np.uint8)
    labels[:, 50:] = 1
    images = np.where(labels[..., None] == 1, 200, 30).astype(np.uint8).repeat(3, axis=-1)
    assert best_color_kmeans(LabeledImages(images, labels), 2, seed=0).mean_iou > 0.9
