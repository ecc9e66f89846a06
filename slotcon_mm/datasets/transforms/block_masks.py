"""Masks of whole blocks of patches, as BEiT draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["GridMask", "draw_block_mask"]

TRIES = 10
NARROWEST = 0.3  # a block's height / width and its inverse (BEiT)


class GridMask:
    """Draws masks of the patches of a view.

    Args:
        size: Height and width of the view in pixels.
        patch_size: Side of a patch in pixels.
        share: Range of the drawn share of patches.
    """

    def __init__(self, size: tuple[int, int], patch_size: int = 16, share: tuple[float, float] = (0.1, 0.5)) -> None:
        if patch_size < 1 or any(side % patch_size for side in size):
            raise ValueError(f"expected views of whole patches, got size {size} and mask.patch_size {patch_size}")
        if not isinstance(share, Sequence) or len(share) != 2 or not 0 <= share[0] <= share[1] <= 1:
            raise ValueError(f"expected mask.share as (low, high) with 0 <= low <= high <= 1, got {share}")
        self.grid = (size[0] // patch_size, size[1] // patch_size)
        self.share = share

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """(h, w) bool: which patches are masked."""
        return draw_block_mask(rng, *self.grid, self.share)


def draw_block_mask(
    rng: np.random.Generator, height: int, width: int, share: tuple[float, float] = (0.1, 0.5)
) -> np.ndarray:
    """(height, width) bool: which patches are masked; blocks are added up to a drawn share of the grid.

    BEiT, algorithm 1 (Bao et al., ICLR 2022), with the numbers of SlotMIM: a block has an area uniform between
    floor(shorter side / 3)^2 and what the share leaves, a log-uniform ratio in [0.3, 1 / 0.3], is less high
    and wide than the grid, and covers at least one new patch but no more than are left. Ten failures in a row end it,
    so that the share is rarely reached: it is 0.29 on average on a grid of 14 x 14, and seldom empty on small grids.

    Args:
        rng: Gives all draws.
        height: Of the grid.
        width: Of the grid.
        share: Range of the drawn share, uniform.
    """
    masked = np.zeros((height, width), dtype=bool)
    budget = rng.uniform(*share) * height * width
    while masked.sum() < budget:
        for _ in range(TRIES):
            block = draw_block(rng, height, width, budget - masked.sum())
            new = block & ~masked
            if 0 < new.sum() <= budget - masked.sum():
                masked |= block
                break
        else:
            break
    return masked


def draw_block(rng: np.random.Generator, height: int, width: int, most: float) -> np.ndarray:
    """(height, width) bool: one block at a uniform place; empty if it is as high or as wide as the grid."""
    least = (min(height, width) // 3) ** 2
    area = least + (most - least) * rng.random()  # what is left may be less
    ratio = math.exp(rng.uniform(math.log(NARROWEST), -math.log(NARROWEST)))
    rows, columns = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
    block = np.zeros((height, width), dtype=bool)
    if rows < height and columns < width:
        top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
        block[top : top + rows, left : left + columns] = True
    return block
