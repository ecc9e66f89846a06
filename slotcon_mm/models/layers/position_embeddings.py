"""Position embeddings of vision transformers: where they start, and on grids of another size."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["resize_positions", "sine_cosine_positions"]


def sine_cosine_positions(height: int, width: int, channels: int, *, extra: int) -> Tensor:
    """(1, extra + H W, C), zeros for extra tokens, then row by row: of row y and column x [sin x f, cos x f, sin y f,
    cos y f] with the frequencies f_i = 10000^(-i / (C / 4)), i below C / 4 (MoCo v3, section 4.4; MAE).

    mmpretrain's function has x and y the other way around.

    Raises:
        ValueError: The channels cannot be split into four.
    """
    if channels % 4:
        raise ValueError(f"expected channels that four parts can share, got {channels}")
    frequency_F = 10000.0 ** (-torch.arange(channels // 4, dtype=torch.float64) / (channels // 4))
    y_L, x_L = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    waves = [place.flatten()[:, None] * frequency_F for place in (x_L, y_L)]
    cells = torch.cat([wave for angle in waves for wave in (angle.sin(), angle.cos())], dim=1)
    return torch.cat([cells.new_zeros(extra, channels), cells]).float()[None]


def resize_positions(
    positions: Tensor, grid: tuple[int, int], new_grid: tuple[int, int], *, extra: int, antialias: bool
) -> Tensor:
    """Bicubic, as mmpretrain and DINOv2 with registers do it; embeddings of class and register tokens stay.

    DINO, SlotMIM and DINOv2 without registers add 0.1 to the new grid and scale by that factor, so that their positions
    lie a little elsewhere wherever the grid is another.

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
