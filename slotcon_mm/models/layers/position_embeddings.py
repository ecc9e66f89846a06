"""Position embeddings of vision transformers on grids of another size."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["resize_positions"]


def resize_positions(
    positions: Tensor, grid: tuple[int, int], new_grid: tuple[int, int], *, extra: int, antialias: bool
) -> Tensor:
    """Bicubic, as DINO, DINOv2 and mmpretrain do it; embeddings of class and register tokens stay.

    Args:
        positions: (1, extra + H W, C), those of extra tokens first, then row by row.
        grid: H, W that they were learned on.
        new_grid: H, W that they are for.
        extra: Number of class and register tokens that have an embedding.
        antialias: Whether the kernel widens where the grid shrinks: DINOv2 with registers and timm do so; DINO, DINOv2
            without registers, MAE and mmpretrain do not.

    Returns:
        (1, extra + new H x new W, C).
    """
    if grid == new_grid:
        return positions
    tokens, cells = positions[:, :extra], positions[:, extra:]
    plane = cells.unflatten(1, grid).permute(0, 3, 1, 2).float()
    resized = functional.interpolate(plane, size=new_grid, mode="bicubic", align_corners=False, antialias=antialias)
    return torch.cat([tokens, resized.flatten(2).transpose(1, 2).to(positions.dtype)], dim=1)
