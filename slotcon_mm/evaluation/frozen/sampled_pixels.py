"""Feature-map cells of a dataset, drawn so that neither batches nor processes change which."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.dist import all_gather_object
from torch import Tensor

from slotcon_mm.datasets.label_sets import IGNORED
from slotcon_mm.evaluation.frozen.grids import Grid, Reading, cells_of_labels, each_grid, rows_of
from slotcon_mm.evaluation.frozen.networks import FrozenNetwork

__all__ = ["Pixels", "gather_rows", "sample_pixels"]


class Pixels(NamedTuple):
    """``features`` (P, D), of length 1, and their ``labels`` (P,), long."""

    features: Tensor
    labels: Tensor


def sample_pixels(
    network: FrozenNetwork, dataset: Any, reading: Reading, *, most: int, labeled: bool, what: str
) -> Pixels:
    """About ``most`` cells, or all if there are fewer: each image gives as many at random, and all if it has fewer.

    They come in the order of images and cells, the same on every process.

    Args:
        network: Whose features.
        dataset: Images with labels.
        reading: How they are read.
        most: Cells of all images.
        labeled: Whether cells without a label are left out.
        what: For the progress bar.

    Raises:
        ValueError: No cell has a label.
    """
    each = -(-most // len(dataset))
    found = {grid.index: drawn(grid, each, labeled) for grid in each_grid(network, dataset, reading, what)}
    features, labels = (gather_rows({index: part[column] for index, part in found.items()}) for column in range(2))
    if not len(labels):
        raise ValueError(f"expected images with labels, got {len(dataset)} without a labeled pixel")
    device = next(network.backbone.parameters()).device
    return Pixels(features.to(device), labels.to(device))


def drawn(grid: Grid, each: int, labeled: bool) -> tuple[Tensor, Tensor]:
    labels_P = torch.from_numpy(cells_of_labels(grid.labels, grid.features.shape[1:]).astype(np.int64)).flatten()
    rows = np.flatnonzero(labels_P.numpy() != IGNORED) if labeled else np.arange(len(labels_P))
    if len(rows) > each:
        rows = np.sort(np.random.default_rng((grid.index, each)).permutation(rows)[:each])
    chosen = torch.from_numpy(rows)
    return rows_of(grid.features)[chosen.to(grid.features.device)].cpu(), labels_P[chosen]


def gather_rows(parts: dict[int, Tensor]) -> Tensor:
    """Rows of all processes' images, in the order of the images; on the CPU."""
    everything = {index: part for of_one in all_gather_object(parts) for index, part in of_one.items()}
    return torch.cat([everything[index] for index in sorted(everything)])
