"""mmpretrain's vision transformer with attention in windows, for detection on large images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from mmpretrain.models import VisionTransformer
from torch import Tensor

from slotcon_mm.checks import expect_positive
from slotcon_mm.models.layers.position_embeddings import resize_positions
from slotcon_mm.registry import MODELS

__all__ = ["WindowedVisionTransformer", "over_windows"]

Grid = tuple[int, int]  # H, W in patches


@MODELS.register_module()
class WindowedVisionTransformer(VisionTransformer):
    """A plain vision transformer most of whose blocks attend within windows (ViTDet: Li et al., ECCV 2022, section 3).

    Patches of an image of 1024 are 4,096. Attention among all of them costs about as much as the rest of a ViT-B's
    block, in windows of 14 x 14 a twentieth of that; the few global blocks carry information between windows.

    Parameters have the names and shapes of ``VisionTransformer``, without a class token, which would be in no window,
    and the same values compute the same where a window is as large as the grid. Position embeddings have the size of
    the pretraining (``img_size``) and are resized to each image's grid (bicubic).

    Args:
        window_size: Patches in a row and in a column of a window: the grid of the pretraining, in the paper.
        global_blocks: Counted from 0, those that attend among all patches. The paper has four, the last one of each
            quarter of the blocks.
        kwargs: As mmpretrain's ``VisionTransformer``, but for ``with_cls_token`` and ``out_type``.

    Raises:
        ValueError: There is no such block.
    """

    def __init__(
        self, *args: Any, window_size: int = 14, global_blocks: Sequence[int] = (2, 5, 8, 11), **kwargs: Any
    ) -> None:
        expect_positive(window_size=window_size)
        super().__init__(*args, with_cls_token=False, out_type="featmap", **kwargs)
        if not set(global_blocks) <= set(range(self.num_layers)):
            raise ValueError(f"expected global_blocks from 0 to {self.num_layers - 1}, got {tuple(global_blocks)}")
        self.window_size = window_size
        self.global_blocks = frozenset(global_blocks)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Of images (B, 3, H, W): a map (B, C, H / patch, W / patch) of each block of ``out_indices``."""
        patches, size = self.patch_embed(images)
        grid = (int(size[0]), int(size[1]))
        positions = resize_positions(self.pos_embed, tuple(self.patch_resolution), grid, extra=0, antialias=False)
        tokens = self.pre_norm(self.drop_after_pos(patches + positions))
        outputs = []
        for index, block in enumerate(self.layers):
            if index in self.global_blocks:
                tokens = block(tokens)
            else:
                tokens = tokens + attend_in_windows(block.attn, block.ln1(tokens), grid, self.window_size)
                tokens = block.ffn(block.ln2(tokens), identity=tokens)
            if index == len(self.layers) - 1 and self.final_norm:
                tokens = self.ln1(tokens)
            if index in self.out_indices:
                outputs.append(self._format_output(tokens, grid))
        return tuple(outputs)


def attend_in_windows(attention: Any, tokens: Tensor, grid: Grid, window: int) -> Tensor:
    """What mmpretrain's ``MultiheadAttention`` does, tokens (B, H W, C) row by row, but in windows.

    Each token is projected once and dropped with its whole image, as if there were no windows.
    """
    attend = partial(attention.scaled_dot_product_attention, dropout_p=attention.attn_drop * attention.training)
    parts = attention.qkv(tokens).unflatten(1, grid).unflatten(-1, (3, attention.num_heads, -1))
    attended = over_windows(attend, parts, window).flatten(1, 2)
    return attention.out_drop(attention.gamma1(attention.proj_drop(attention.proj(attended))))


def over_windows(attend: Callable[[Tensor, Tensor, Tensor], Tensor], parts: Tensor, window: int) -> Tensor:
    """Attention within each window, whose corners are at multiples of ``window``; the last ones end with the grid.

    Nothing is padded: windows of one size, of which there are four kinds at most, go through together.

    Args:
        attend: Of queries, keys and values (b, heads, tokens, d): the attended values, in their shape.
        parts: (B, H, W, 3, heads, d), queries, keys and values.
        window: Tokens of a window's side.

    Returns:
        (B, H, W, heads d).
    """
    return torch.cat(
        [
            torch.cat([within(attend, parts[:, rows, columns], window) for columns in spans(parts.shape[2], window)], 2)
            for rows in spans(parts.shape[1], window)
        ],
        dim=1,
    )


def spans(length: int, window: int) -> list[slice]:
    """Of whole windows, and of what is left."""
    whole = length // window * window
    return [one for one in (slice(0, whole), slice(whole, length)) if one.start < one.stop]


def within(attend: Callable[[Tensor, Tensor, Tensor], Tensor], parts: Tensor, window: int) -> Tensor:
    """As ``over_windows``, of a grid whose sides are multiples of ``window``, or less than it."""
    height, width = (min(window, side) for side in parts.shape[1:3])
    windows = parts.unflatten(2, (-1, width)).unflatten(1, (-1, height))  # B, rows, height, columns, width, 3, heads, d
    batch, rows, _, columns, _, _, heads, depth = windows.shape
    queries, keys, values = windows.permute(5, 0, 1, 3, 6, 2, 4, 7).reshape(3, -1, heads, height * width, depth)
    attended = attend(queries, keys, values).reshape(batch, rows, columns, heads, height, width, depth)
    return attended.permute(0, 1, 4, 2, 5, 3, 6).reshape(batch, rows * height, columns * width, heads * depth)
