"""What each prototype stands for: the images whose regions fit it best, gathered in one pass over a dataset."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Gallery", "Occurrence"]


class Occurrence(NamedTuple):
    """An image's region of a prototype: mean cosine of its pixels, and the grid (h, w) bool of them.

    ``order`` makes an earlier image win among equals.
    """

    score: float
    order: int
    path: str
    region: np.ndarray


class Gallery:
    """The ``top`` occurrences of each prototype, and how much each is used. Memory does not grow with the images.

    Args:
        num_prototypes: K.
        top: Occurrences kept of each.
        class_names: C of labels, for ``confusion_KC``; none without labels.
    """

    def __init__(self, num_prototypes: int, top: int, class_names: Sequence[str] = ()) -> None:
        self.top, self.class_names = top, tuple(class_names)
        self.best: list[list[Occurrence]] = [[] for _ in range(num_prototypes)]
        self.pixels_K = np.zeros(num_prototypes, np.int64)
        self.images_K = np.zeros(num_prototypes, np.int64)
        self.confusion_KC = np.zeros((num_prototypes, len(class_names)), np.int64)
        self.seen = 0

    def add(self, path: str, scores_Khw: np.ndarray) -> None:
        """An image, by its scores on the feature map's grid."""
        winner_hw, value_hw = scores_Khw.argmax(axis=0), scores_Khw.max(axis=0)
        count = np.bincount(winner_hw.ravel(), minlength=len(self.best))
        total = np.bincount(winner_hw.ravel(), weights=value_hw.ravel(), minlength=len(self.best))
        self.pixels_K += count
        self.images_K += count > 0
        for prototype in np.flatnonzero(count):
            score, heap = float(total[prototype] / count[prototype]), self.best[prototype]
            if len(heap) < self.top or score > heap[0].score:
                occurrence = Occurrence(score, -self.seen, path, winner_hw == prototype)
                (heapq.heappush if len(heap) < self.top else heapq.heapreplace)(heap, occurrence)
        self.seen += 1

    def of(self, prototype: int) -> list[Occurrence]:
        """Best first."""
        return sorted(self.best[prototype], reverse=True, key=lambda occurrence: occurrence[:2])

    def by_usage(self) -> list[int]:
        """Prototypes in use, the one with most pixels first."""
        order = np.argsort(-self.pixels_K, kind="stable")
        return [int(prototype) for prototype in order if self.pixels_K[prototype]]

    def purity(self, prototype: int) -> tuple[int, float] | None:
        """The class that most of a prototype's labeled pixels have, and their share; None without any."""
        counts_C = self.confusion_KC[prototype]
        return (int(counts_C.argmax()), float(counts_C.max() / counts_C.sum())) if counts_C.sum() else None
