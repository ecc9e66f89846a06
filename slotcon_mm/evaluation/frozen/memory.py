"""The memory of in-context retrieval: features of patches, each with the histogram of its pixels' labels.

Balazevic et al., "Towards In-Context Scene Understanding" (NeurIPS 2023).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from slotcon_mm.datasets.label_sets import IGNORED
from slotcon_mm.evaluation.frozen.grids import Grid, nearest_places, rows_of
from slotcon_mm.evaluation.frozen.sampled_pixels import RowsByImage

__all__ = ["Memory", "MemorySample", "choose_patches", "label_histograms"]


class Memory(NamedTuple):
    """``features`` (N, D), of length 1, and ``histograms`` (N, C): shares of classes among a patch's labeled pixels."""

    features: Tensor
    histograms: Tensor


class MemorySample:
    """At most ``size`` patches; each image of each epoch gives as many, chosen by ``choose_patches``.

    A patch without a labeled pixel is in no memory: void is not a class.

    Args:
        size: Of the memory.
        num_images: Of the dataset.
        epochs: Times that each image is seen.
        num_classes: C.
        seed: Of the choice.

    Raises:
        ValueError: There are more images than patches to remember.
    """

    def __init__(self, size: int, num_images: int, epochs: int, num_classes: int, seed: int) -> None:
        self.each = size // (num_images * epochs)
        if self.each < 1:
            raise ValueError(
                f"expected a memory of at least {num_images * epochs} patches for {num_images} images and {epochs} "
                f"augmentation epochs, got {size}: pass --memory with more"
            )
        self.num_images, self.num_classes, self.seed = num_images, num_classes, seed
        self.rows = RowsByImage()

    def add(self, grid: Grid, epoch: int) -> None:
        counts_PC = label_histograms(grid.labels, grid.features.shape[1:], self.num_classes)
        chosen = choose_patches(counts_PC > 0, self.each, np.random.default_rng((self.seed, epoch, grid.position)))
        shares = counts_PC[chosen] / counts_PC[chosen].sum(axis=1, keepdims=True)
        rows = torch.from_numpy(chosen).to(grid.features.device)
        place = epoch * self.num_images + grid.position
        self.rows.add(place, rows_of(grid.features)[rows], torch.from_numpy(shares).float())

    def gather(self) -> Memory:
        """In the order of epochs, images and patches, on the CPU. ValueError where no patch has a label."""
        memory = Memory(*self.rows.gather())
        if not len(memory.histograms):
            raise ValueError("expected images with labels, got none with a labeled pixel")
        return memory


def label_histograms(labels_HW: np.ndarray, grid: tuple[int, ...], num_classes: int) -> np.ndarray:
    """(h w, C): how many pixels, of those whose centers lie in a cell, have which class."""
    rows, columns = grid
    row_H, column_W = map(nearest_places, labels_HW.shape, grid)
    cells = row_H[:, None] * columns + column_W
    counted = labels_HW != IGNORED
    pairs = cells[counted] * num_classes + labels_HW[counted]
    return np.bincount(pairs, minlength=rows * columns * num_classes).reshape(-1, num_classes)


def choose_patches(present_PC: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Positions of ``count`` patches, or of all that have labels if those are fewer; rare classes come first.

    A patch's score is the sum, over the classes in it, of how many of the image's patches have the class, times a
    uniform draw; the lowest are taken (the paper's appendix on sampling of the memory).
    """
    labeled = np.flatnonzero(present_PC.any(axis=1))
    if len(labeled) <= count:
        return labeled
    frequency_C = present_PC.sum(axis=0)
    scores = (present_PC[labeled] * frequency_C).sum(axis=1) * rng.random(len(labeled))
    return np.sort(labeled[np.argsort(scores, kind="stable")[:count]])
