"""A network that is given the labels."""

from __future__ import annotations

import numpy as np

from slotcon_mm.datasets.labeled_images import LabeledImages
from slotcon_mm.evaluation.supervised_fcn import supervised_fcn


def test_a_supervised_network_learns_what_labels_teach():
    rng = np.random.default_rng(0)
    labels = np.zeros((8, 32, 32), np.uint8)
    labels[:, 16:] = 1
    images = np.where(labels[..., None] == 1, rng.integers(0, 256, (8, 32, 32, 1)), 128).astype(np.uint8).repeat(3, -1)
    backbone = dict(type="ResNet", depth=18, base_channels=8, stem_channels=8, strides=(1, 1, 1, 1))
    labeled = LabeledImages(images, labels)
    scores = supervised_fcn(backbone, 64, labeled, labeled, 2, steps=30, seed=0)
    assert scores.mean_iou > 0.7
