"""Masks of SlotMIM: blocks of tokens, one after another, until a drawn share of the grid is covered."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Draw = Callable[[float, float], float]  # uniform between two bounds, which may be reversed


class Block(NamedTuple):
    top: int
    left: int
    height: int
    width: int

    def tokens(self) -> set[tuple[int, int]]:
        rows, columns = range(self.top, self.top + self.height), range(self.left, self.left + self.width)
        return {(y, x) for y in rows for x in columns}


def blocks(size: int, draw: Draw) -> list[Block]:
    """Of one view with ``size`` x ``size`` tokens.

    Draws, in this order: the share to cover; for each try an area and the logarithm of an aspect and, if the block is
    smaller than the grid, its top and its left (a draw's whole part).
    """
    budget = draw(0.1, 0.5) * size**2
    taken: list[Block] = []
    covered: set[tuple[int, int]] = set()
    failures = 0
    while len(covered) < budget and failures < 10:
        block = one_try(size, budget - len(covered), draw)
        new = block.tokens() - covered if block else set()
        if block and 1 <= len(new) <= budget - len(covered):
            taken.append(block)
            covered |= new
            failures = 0
        else:
            failures += 1
    return taken


def one_try(size: int, left_over: float, draw: Draw) -> Block | None:
    """A block somewhere in the grid, or None if it does not fit."""
    area = draw((size // 3) ** 2, left_over)
    aspect = math.exp(draw(math.log(0.3), math.log(1 / 0.3)))
    height, width = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
    if height >= size or width >= size:
        return None
    top = int(draw(0, size - height + 1))
    left = int(draw(0, size - width + 1))
    return Block(top, left, height, width)


def block_mask(size: int, draw: Draw) -> Tensor:
    """(size, size) of booleans: True where a token is masked."""
    mask = torch.zeros(size, size, dtype=torch.bool)
    for block in blocks(size, draw):
        for y, x in block.tokens():
            mask[y, x] = True
    return mask
