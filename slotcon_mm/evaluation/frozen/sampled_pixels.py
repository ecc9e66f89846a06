"""Feature-map cells of a dataset, drawn so that neither batches nor processes change which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from mmengine.dist import all_gather_object
from torch import Tensor

from slotcon_mm.datasets.label_sets import IGNORED
from slotcon_mm.evaluation.frozen.grids import Grid, cells_of_labels, rows_of

__all__ = ["PixelSample", "Pixels", "RowsByImage", "draw_cells"]


class Pixels(NamedTuple):
    """``features`` (P, D), of length 1, and their ``labels`` (P,), long."""

    features: Tensor
    labels: Tensor


class RowsByImage:
    """Rows of tensors that images give, in parts, brought into the order of the images over all processes."""

    def __init__(self) -> None:
        self.parts: dict[int, tuple[Tensor, ...]] = {}

    def add(self, place: int, *tensors: Tensor) -> None:
        """What the image of this place gives; kept on the CPU."""
        self.parts[place] = tuple(tensor.cpu() for tensor in tensors)

    def gather(self) -> list[Tensor]:
        """The tensors of all, one after the other; the same on every process. The parts are given up."""
        everything = {place: part for of_one in all_gather_object(self.parts) for place, part in of_one.items()}
        self.parts = {}
        length = sum(len(part[0]) for part in everything.values())
        columns = [rows.new_empty(length, *rows.shape[1:]) for rows in next(iter(everything.values()))]
        start = 0
        for place in sorted(everything):
            part = everything.pop(place)  # so that a large memory is there once, not twice
            end = start + len(part[0])
            for column, rows in zip(columns, part, strict=True):
                column[start:end] = rows
            start = end
        return columns


class PixelSample:
    """About ``most`` cells, or all if there are fewer: each image gives as many at random, and all if it has fewer.

    Args:
        most: Cells of all images.
        num_images: That give them.
        labeled: Whether cells without a label are left out.
    """

    def __init__(self, most: int, num_images: int, *, labeled: bool) -> None:
        self.each, self.labeled = -(-most // num_images), labeled
        self.rows = RowsByImage()

    def add(self, grid: Grid) -> None:
        labels_P = cells_of_labels(grid.labels, grid.features.shape[1:]).astype(np.int64).ravel()
        chosen = np.flatnonzero(labels_P != IGNORED) if self.labeled else np.arange(len(labels_P))
        if len(chosen) > self.each:
            rng = np.random.default_rng((grid.position, self.each))
            chosen = np.sort(rng.permutation(chosen)[: self.each])
        rows = torch.from_numpy(chosen)
        self.rows.add(
            grid.position, rows_of(grid.features)[rows.to(grid.features.device)], torch.from_numpy(labels_P)[rows]
        )

    def gather(self, device: torch.device) -> Pixels:
        """In the order of images and cells. ValueError where no cell has a label."""
        features, labels = self.rows.gather()
        if not len(labels):
            raise ValueError("expected images with labels, got none with a labeled pixel")
        return Pixels(features.to(device), labels.to(device))


def draw_cells(num_cells: int, most: int, key: Sequence[int]) -> Tensor:
    """Positions of ``most`` cells at random, or of all if there are fewer, ascending; a function of ``key`` alone."""
    return torch.from_numpy(np.sort(np.random.default_rng(key).permutation(num_cells)[:most]))
