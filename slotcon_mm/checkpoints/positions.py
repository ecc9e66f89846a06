"""Position embeddings of a file fitted to the grid and the tokens of the network that takes them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from slotcon_mm.models.layers.position_embeddings import resize_positions

__all__ = ["fit_positions", "without_class_position"]

MOST_EXTRA = 2  # embeddings of class and distillation tokens


def fit_positions(
    tensors: Mapping[str, Tensor],
    network: Mapping[str, Tensor],
    *,
    positions: str,
    class_token: str,
    grid: tuple[int, int] | None,
    antialias: bool,
    noted: tuple[int, int] | None = None,
) -> tuple[dict[str, Tensor], str | None]:
    """Replaces position embeddings that are of another grid, or that give the class token a place or none.

    A class token's place that the network has not is added to the token itself, and a place that the file has not is 0:
    both compute the same. It is left out where the network has no class token at all.

    Args:
        tensors: By the network's names.
        network: State of the network.
        positions: Name of the position embeddings, (1, tokens, C).
        class_token: Name of the class token; empty where the network has none.
        grid: H, W of the network's embeddings; None where they are square.
        antialias: See ``resize_positions``.
        noted: H, W of the file's embeddings, where it notes them: as many tokens may be of another grid. Else they are
            the network's if their shapes are the same, or square.

    Returns:
        All tensors; a line that says what was resized. Embeddings whose grid cannot be told stay as they are.
    """
    given, wanted = tensors.get(positions), network.get(positions)
    if given is None or wanted is None or given.dim() != 3:
        return dict(tensors), None
    if noted is not None and not 0 <= given.shape[1] - math.prod(noted) <= MOST_EXTRA:
        noted = None  # of patches that overlap, say
    new_grid = grid or square_grid(wanted.shape[1])
    if given.shape == wanted.shape and noted in (None, new_grid):
        return dict(tensors), None
    old_grid = noted or square_grid(given.shape[1])
    if old_grid is None or new_grid is None:
        return dict(tensors), None
    old_extra = given.shape[1] - math.prod(old_grid)
    new_extra = wanted.shape[1] - math.prod(new_grid)
    if {old_extra, new_extra} == {0, 1} and class_token and class_token not in tensors:
        return dict(tensors), None
    found = dict(tensors)
    if (old_extra, new_extra) == (1, 0):
        if class_token:
            found[class_token] = found[class_token] + given[:, :1]
        given = given[:, 1:]
    elif (old_extra, new_extra) == (0, 1):
        given = torch.cat([torch.zeros_like(given[:, :1]), given], dim=1)
    elif old_extra != new_extra:
        return dict(tensors), None
    found[positions] = resize_positions(given, old_grid, new_grid, extra=new_extra, antialias=antialias)
    if old_grid == new_grid:
        return found, None
    smoothed = ", antialiased" if antialias else ""
    sizes = " to ".join(f"{height} x {width}" for height, width in (old_grid, new_grid))
    return found, f"position embeddings resized from {sizes} (bicubic{smoothed})"


def without_class_position(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A vision transformer's, by timm's names, as timm has those with registers: no place for the class token."""
    placed = tensors["pos_embed"]
    return {**tensors, "cls_token": tensors["cls_token"] + placed[:, :1], "pos_embed": placed[:, 1:]}


def square_grid(tokens: int) -> tuple[int, int] | None:
    """Of so many embeddings, of which up to two are those of class and distillation tokens."""
    for extra in (1, 0, 2):
        side = math.isqrt(tokens - extra)
        if side and side**2 == tokens - extra:
            return side, side
    return None
