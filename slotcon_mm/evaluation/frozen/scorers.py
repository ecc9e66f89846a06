"""From grids of features to a score: each image counts once, in any order and on any process."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
import torch
from mmengine.dist import all_gather_object, all_reduce

from slotcon_mm.evaluation.frozen.grids import Grid
from slotcon_mm.evaluation.matching import confusion_matrix, score_matched

__all__ = ["ImageCounts", "ImageScorer", "MapScorer", "Score", "Scorer"]

Counts = tuple[tuple[int, ...], ...]


class ImageCounts(NamedTuple):
    """Pixels of each image and class, in the order of the images: ``hits`` (N, C) and ``unions`` (N, C).

    The IoU of a class over any of the images is its sum of hits by its sum of unions.
    """

    hits: Counts
    unions: Counts


class Score(NamedTuple):
    """A share in [0, 1], NaN where no image tells; and by class and by image, where the measure has it."""

    value: float
    classes: tuple[float, ...] = ()
    images: ImageCounts | None = None


class Scorer(Protocol):
    """What a measure of one seed makes of the held-out images."""

    def add(self, grid: Grid) -> None:
        """An image of this process."""

    def score(self) -> Score:
        """Of the images of all processes; the same on each."""


class MapScorer:
    """mIoU of predicted maps, over all pixels of all images.

    Args:
        predict: A grid to the group (H, W) of each pixel.
        num_groups: G.
        num_classes: C.
        match: The confusion matrix (G, C) to the class (G,) of each group; None: groups are the classes.
    """

    def __init__(
        self, predict: Callable[[Grid], np.ndarray], num_groups: int, num_classes: int,
        match: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:  # fmt: skip
        self.predict, self.match = predict, match
        self.confusion_GC = np.zeros((num_groups, num_classes), np.int64)
        self.counts: dict[int, np.ndarray] = {}  # of each image, where groups are the classes: hits and unions (2, C)

    def add(self, grid: Grid) -> None:
        confusion_GC = confusion_matrix(self.predict(grid), grid.labels, *self.confusion_GC.shape)
        self.confusion_GC += confusion_GC
        if self.match is None:
            hits_C = np.diag(confusion_GC)
            self.counts[grid.position] = np.stack(
                [hits_C, confusion_GC.sum(axis=0) + confusion_GC.sum(axis=1) - hits_C]
            )

    def score(self) -> Score:
        reduced = torch.from_numpy(self.confusion_GC.copy())
        all_reduce(reduced)
        confusion_GC = reduced.numpy()
        matched_G = np.arange(len(confusion_GC)) if self.match is None else self.match(confusion_GC)
        scores = score_matched(confusion_GC, matched_G)
        return Score(scores.mean_iou, tuple(scores.class_iou.tolist()), self.counts_of_images())

    def counts_of_images(self) -> ImageCounts | None:
        """Of all processes."""
        if self.match is not None:
            return None
        counts = {place: found for of_one in all_gather_object(self.counts) for place, found in of_one.items()}
        ordered = [counts[place].tolist() for place in sorted(counts)]
        hits, unions = (tuple(tuple(found[part]) for found in ordered) for part in (0, 1))
        return ImageCounts(hits, unions)


class ImageScorer:
    """The mean of a number of each image that has one.

    Args:
        measure: A grid to its number, or None.
    """

    def __init__(self, measure: Callable[[Grid], float | None]) -> None:
        self.measure = measure
        self.values: list[float] = []

    def add(self, grid: Grid) -> None:
        value = self.measure(grid)
        if value is not None:
            self.values.append(value)

    def score(self) -> Score:
        values = [value for of_one in all_gather_object(self.values) for value in of_one]
        # fsum is exact, and so the same in any order
        return Score(math.fsum(values) / len(values) if values else math.nan)
