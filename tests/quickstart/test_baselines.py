"""Baseline and ceiling on pictures whose classes are known to be easy."""

from __future__ import annotations

import numpy as np

from slotcon_mm.quickstart.baselines import best_colour_kmeans, supervised_fcn
from slotcon_mm.datasets.labeled_images import LabelledPictures


def test_colour_kmeans_finds_classes_that_colour_gives_away():
    labels = np.zeros((2, 100, 120), np.uint8)
    labels[:, 50:] = 1
    images = np.where(labels[..., None] == 1, 200, 30).astype(np.uint8).repeat(3, axis=-1)
    assert best_colour_kmeans(LabelledPictures(images, labels), 2, seed=0).mean_iou > 0.9


def test_a_supervised_network_learns_what_labels_teach():
    rng = np.random.default_rng(0)
    labels = np.zeros((8, 32, 32), np.uint8)
    labels[:, 16:] = 1
    images = np.where(labels[..., None] == 1, rng.integers(0, 256, (8, 32, 32, 1)), 128).astype(np.uint8).repeat(3, -1)
    backbone = dict(type="ResNet", depth=18, base_channels=8, stem_channels=8, strides=(1, 1, 1, 1))
    pictures = LabelledPictures(images, labels)
    scores = supervised_fcn(backbone, 64, pictures, pictures, 2, steps=30, seed=0)
    assert scores.mean_iou > 0.7
