"""The memory of in-context retrieval: features of patches, each with the histogram of its pixels' labels.

Balazevic et al., "Towards In-Context Scene Understanding" (NeurIPS 2023).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from slotcon_mm.datasets.label_sets import IGNORED
from slotcon_mm.evaluation.frozen.augmented import Augmented
from slotcon_mm.evaluation.frozen.grids import Grid, Reading, each_grid, rows_of
from slotcon_mm.evaluation.frozen.networks import FrozenNetwork
from slotcon_mm.evaluation.frozen.sampled_pixels import gather_rows

__all__ = ["Memory", "choose_patches", "fill_memory", "label_histograms"]


class Memory(NamedTuple):
    """``features`` (N, D), of length 1, and ``histograms`` (N, C): shares of classes among a patch's labeled pixels."""

    features: Tensor
    histograms: Tensor


def fill_memory(
    network: FrozenNetwork, dataset: Any, reading: Reading, num_classes: int, *, size: int, epochs: int, seed: int
) -> Memory:
    """At most ``size`` patches of a dataset's images and, after the first of ``epochs``, of random crops of them.

    Each image of each epoch gives as many, chosen by ``choose_patches``. A patch without a labeled pixel is in no
    memory: void is not a class.

    Raises:
        ValueError: There are more images than patches to remember, or no patch has a label.
    """
    each = size // (len(dataset) * epochs)
    if each < 1:
        raise ValueError(
            f"expected a memory of at least {len(dataset) * epochs} patches for {len(dataset)} images and {epochs} "
            f"augmentation epochs, got {size}"
        )
    found: dict[int, tuple[Tensor, Tensor]] = {}
    for epoch in range(epochs):
        crops = Augmented(dataset, epoch, seed)
        for grid in each_grid(network, crops, reading, f"memory, epoch {epoch + 1} of {epochs}"):
            found[epoch * len(dataset) + grid.index] = remembered(grid, num_classes, each, (seed, epoch, grid.index))
    features, histograms = (gather_rows({place: part[column] for place, part in found.items()}) for column in range(2))
    if not len(histograms):
        raise ValueError(f"expected images with labels, got {len(dataset)} without a labeled pixel")
    return Memory(features, histograms)


def remembered(grid: Grid, num_classes: int, each: int, draw: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    counts_PC = label_histograms(grid.labels, grid.features.shape[1:], num_classes)
    chosen = choose_patches(counts_PC > 0, each, np.random.default_rng(draw))
    shares = counts_PC[chosen] / counts_PC[chosen].sum(axis=1, keepdims=True)
    rows = torch.from_numpy(chosen)
    return rows_of(grid.features)[rows.to(grid.features.device)].cpu(), torch.from_numpy(shares).float()


def label_histograms(labels_HW: np.ndarray, grid: tuple[int, ...], num_classes: int) -> np.ndarray:
    """(h w, C): how many pixels of each cell have which class."""
    (height, width), (rows, columns) = labels_HW.shape, grid
    cells = (np.arange(height) * rows // height)[:, None] * columns + np.arange(width) * columns // width
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
