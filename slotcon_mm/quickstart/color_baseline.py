"""What the pretrained groups are compared with: color alone."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.cluster.vq import vq

from slotcon_mm.datasets.labeled_images import LabeledImages
from slotcon_mm.evaluation import SegmentationScores, confusion_matrix, match_one_to_one, score_matched
from slotcon_mm.evaluation.clustering import kmeans

__all__ = ["best_color_kmeans"]

SAMPLED_PIXELS = 20000


def best_color_kmeans(labeled: LabeledImages, num_classes: int, *, seed: int) -> SegmentationScores:
    """The best of k-means on RGB, on Lab, and on Lab smoothed over a few pixels, one cluster a class."""
    lab = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2LAB) for image in labeled.images])
    smooth = np.stack([cv2.GaussianBlur(image, (0, 0), 3) for image in lab])
    scores = [color_kmeans(features, labeled, num_classes, seed) for features in (labeled.images, lab, smooth)]
    return max(scores, key=lambda score: score.mean_iou)


def color_kmeans(features: np.ndarray, labeled: LabeledImages, num_classes: int, seed: int) -> SegmentationScores:
    assert labeled.labels is not None
    pixels = features.reshape(-1, 3).astype(np.float32)
    sample = np.random.default_rng(seed).choice(len(pixels), SAMPLED_PIXELS, replace=False)
    groups = vq(pixels, kmeans(pixels[sample], num_classes, seed=seed, restarts=3))[0]
    confusion = confusion_matrix(groups, labeled.labels.reshape(-1), num_classes, num_classes)
    return score_matched(confusion, match_one_to_one(confusion))
