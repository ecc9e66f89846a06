"""Whether the nearest neighbor of a pixel, among all pixels of all images, is the same place in its own image.

Shape suffixes: N pixels of second views, D channels, P cells of an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from mmengine.dist import all_gather_object
from torch import Tensor

from slotcon_mm.evaluation.frozen.grids import Reading, each_batch, rows_of
from slotcon_mm.evaluation.frozen.networks import FrozenNetwork
from slotcon_mm.evaluation.frozen.sampled_pixels import RowsByImage, draw_cells
from slotcon_mm.evaluation.frozen.second_views import SecondViews, places_in_image, recolored, view_size

__all__ = ["NeighborAgreement", "Queries", "sample_queries"]

MOST_COSINES = 2**26  # held at once
WITHIN = 1 + 1e-6  # cells; rounding may put a middle that is one cell away just beyond it


class Queries(NamedTuple):
    """Pixels whose neighbors are looked for.

    Attributes:
        features: (N, D), of length 1.
        places: (N, 2) float64, y and x in shares of the image's height and width.
        positions: (N,) long, which image of the dataset it is.
    """

    features: Tensor
    places: Tensor
    positions: Tensor


def sample_queries(network: FrozenNetwork, images: Any, reading: Reading, *, most: int, seed: int) -> Queries:
    """About ``most`` pixels of the second views of all images, each giving as many; the same on every process."""
    rows, each = RowsByImage(), -(-most // len(images))
    views = SecondViews(images, view_size(network.views, reading.size), seed)
    for batch in each_batch(views, reading, "second views"):
        maps = network.encode(recolored(batch, network.device)).features
        for sample, features in zip(batch, maps, strict=True):
            position, grid = sample["position"], features.shape[1:]
            chosen = draw_cells(grid.numel(), each, (seed, position, 1))
            rows.add(
                position, rows_of(features)[chosen.to(features.device)], places_in_image(sample, grid)[chosen],
                torch.full((len(chosen),), position),
            )  # fmt: skip
    return Queries(*(part.to(network.device) for part in rows.gather()))


class NeighborAgreement:
    """The share of queries whose nearest neighbor, by cosine, lies in their own image within one cell of their place.

    Images come one after the other, and only the best neighbor so far is kept; among equal ones the first counts.
    """

    def __init__(self, queries: Queries) -> None:
        self.queries = queries
        count, device = len(queries.features), queries.features.device
        self.cosines = torch.full((count,), -torch.inf, device=device, dtype=queries.features.dtype)
        self.positions = torch.full((count,), -1, device=device)
        self.agrees = torch.zeros(count, dtype=torch.bool, device=device)
        self.right_cells = self.all_cells = 0

    def add(self, position: int, features_Dhw: Tensor) -> None:
        """The first view of an image of this process: all of its cells; positions ascend."""
        grid, cells_PD = features_Dhw.shape[1:], rows_of(features_Dhw)
        own = self.queries.positions == position
        block = max(1, MOST_COSINES // len(own))
        for start in range(0, len(cells_PD), block):
            cosines, cells = (self.queries.features @ cells_PD[start : start + block].T).max(dim=1)
            agrees = own & is_near(self.queries.places, start + cells, grid)
            is_better = cosines > self.cosines
            self.cosines = torch.where(is_better, cosines, self.cosines)
            self.positions = torch.where(is_better, position, self.positions)
            self.agrees = torch.where(is_better, agrees, self.agrees)
        self.right_cells += cells_near(self.queries.places[own], grid)
        self.all_cells += grid.numel()

    def score(self) -> tuple[float, float]:
        """The share, and the one of neighbors drawn at random, both in [0, 1]; the same on every process."""
        (cosines, positions, agrees, right, cells), *others = all_gather_object(self.state())
        for other_cosines, other_positions, other_agrees, other_right, other_cells in others:
            is_better = (other_cosines > cosines) | ((other_cosines == cosines) & (other_positions < positions))
            cosines = torch.where(is_better, other_cosines, cosines)
            positions = torch.where(is_better, other_positions, positions)
            agrees = torch.where(is_better, other_agrees, agrees)
            right, cells = right + other_right, cells + other_cells
        return float(agrees.double().mean()), right / (len(agrees) * cells)

    def state(self) -> tuple[Tensor, Tensor, Tensor, int, int]:
        """What this process found, on the CPU."""
        return self.cosines.cpu(), self.positions.cpu(), self.agrees.cpu(), self.right_cells, self.all_cells


def is_near(places_N2: Tensor, cells_N: Tensor, grid: Sequence[int]) -> Tensor:
    """(N,) bool: whether the middle of a cell lies within one cell, along height and width, of a place."""
    row_N, column_N = cells_N // grid[1], cells_N % grid[1]
    y_N, x_N = in_cells(places_N2, grid).unbind(dim=1)
    return ((y_N - row_N).abs() <= WITHIN) & ((x_N - column_N).abs() <= WITHIN)


def cells_near(places_N2: Tensor, grid: Sequence[int]) -> int:
    """How many cells are near, over all places."""
    near = [
        ((along_N[:, None] - torch.arange(count, device=along_N.device)).abs() <= WITHIN).sum(dim=1)
        for along_N, count in zip(in_cells(places_N2, grid).unbind(dim=1), grid, strict=True)
    ]
    return int((near[0] * near[1]).sum())


def in_cells(places_N2: Tensor, grid: Sequence[int]) -> Tensor:
    """(N, 2) places on the scale on which the middle of the first cell is 0 and that of the next one 1."""
    return places_N2 * torch.tensor(list(grid), dtype=places_N2.dtype, device=places_N2.device) - 0.5
