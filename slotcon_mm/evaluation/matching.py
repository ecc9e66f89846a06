"""Scores of groups against labels: confusion matrix, matching, mean IoU and pixel accuracy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

__all__ = ["SegmentationScores", "confusion_matrix", "match_majority", "match_one_to_one", "score_matched"]


class SegmentationScores(NamedTuple):
    """Shares in [0, 1]: ``class_iou`` (C,) has NaN for classes in neither labels nor predictions; and ``hits`` (C,) of
    ``pixels`` (C,) of each label."""

    mean_iou: float
    pixel_accuracy: float
    class_iou: np.ndarray
    hits: np.ndarray
    pixels: np.ndarray

    def of_classes(self, chosen_C: np.ndarray) -> tuple[float, float]:
        """Mean IoU of these classes, and accuracy on the pixels with their labels; NaN where there is nothing."""
        iou, pixels = self.class_iou[chosen_C], self.pixels[chosen_C].sum()
        mean_iou = float("nan") if np.isnan(iou).all() else float(np.nanmean(iou))
        return mean_iou, float(self.hits[chosen_C].sum() / pixels) if pixels else float("nan")


def confusion_matrix(groups: np.ndarray, labels: np.ndarray, num_groups: int, num_classes: int) -> np.ndarray:
    """(G, C) int64: pixels of group g that are labeled c. Labels outside 0 to C - 1 (255, say) are not counted.

    Raises:
        ValueError: Shapes differ, or a group id is out of range.
    """
    if groups.shape != labels.shape:
        raise ValueError(f"expected groups and labels of one shape, got {groups.shape} and {labels.shape}")
    if groups.size and not 0 <= int(groups.min()) <= int(groups.max()) < num_groups:
        raise ValueError(f"expected group ids from 0 to {num_groups - 1}, got {groups.min()} to {groups.max()}")
    counted = (labels >= 0) & (labels < num_classes)
    pairs = groups[counted].astype(np.int64) * num_classes + labels[counted].astype(np.int64)
    return np.bincount(pairs, minlength=num_groups * num_classes).reshape(num_groups, num_classes)


def match_one_to_one(confusion_GC: np.ndarray) -> np.ndarray:
    """(G,) the class of each group, the Hungarian matching that keeps most pixels; -1 for groups beyond the classes."""
    groups, classes = linear_sum_assignment(confusion_GC, maximize=True)
    matched = np.full(len(confusion_GC), -1)
    matched[groups] = classes
    return matched


def match_majority(confusion_GC: np.ndarray) -> np.ndarray:
    """(G,) the class that most pixels of each group have; -1 for groups without pixels."""
    return np.where(confusion_GC.sum(axis=1) > 0, confusion_GC.argmax(axis=1), -1)


def score_matched(confusion_GC: np.ndarray, matched_G: np.ndarray) -> SegmentationScores:
    """Scores of groups that stand for classes; several groups may stand for one class.

    Pixels of unmatched groups (-1) are errors in both metrics: they stay in their class's denominator.
    """
    num_classes = confusion_GC.shape[1]
    predicted_CC = np.zeros((num_classes, num_classes), np.int64)
    for group, label in enumerate(matched_G):
        if label >= 0:
            predicted_CC[label] += confusion_GC[group]
    hits = np.diag(predicted_CC)
    union = predicted_CC.sum(axis=1) + confusion_GC.sum(axis=0) - hits
    class_iou = np.where(union > 0, hits / np.maximum(union, 1), np.nan)
    return SegmentationScores(
        mean_iou=float(np.nanmean(class_iou)) if (union > 0).any() else float("nan"),
        pixel_accuracy=float(hits.sum() / max(confusion_GC.sum(), 1)),
        class_iou=class_iou,
        hits=hits,
        pixels=confusion_GC.sum(axis=0),
    )
