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

__all__ = ["ImageScorer", "MapScorer", "Score", "Scorer"]


class Score(NamedTuple):
    """A share in [0, 1], NaN where no image tells; and by class, where the measure has it."""

    value: float
    classes: tuple[float, ...] = ()


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
        match: The confusion matrix (G, C) to the class (G,) of each group.
    """

    def __init__(
        self, predict: Callable[[Grid], np.ndarray], num_groups: int, num_classes: int,
        match: Callable[[np.ndarray], np.ndarray],
    ) -> None:  # fmt: skip
        self.predict, self.match = predict, match
        self.confusion_GC = np.zeros((num_groups, num_classes), np.int64)

    def add(self, grid: Grid) -> None:
        self.confusion_GC += confusion_matrix(self.predict(grid), grid.labels, *self.confusion_GC.shape)

    def score(self) -> Score:
        confusion = torch.from_numpy(self.confusion_GC.copy())
        all_reduce(confusion)
        scores = score_matched(confusion.numpy(), self.match(confusion.numpy()))
        return Score(scores.mean_iou, tuple(scores.class_iou.tolist()))


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
