"""mmpretrain's vision transformer with the register tokens of DINOv2."""

from __future__ import annotations

from typing import Any

import torch
from mmpretrain.models import VisionTransformer
from torch import Tensor, nn

from slotcon_mm.models.layers.position_embeddings import resize_positions
from slotcon_mm.registry import MODELS

__all__ = ["RegisterVisionTransformer"]


@MODELS.register_module()
class RegisterVisionTransformer(VisionTransformer):
    """Register tokens stand between class token and patches, without a place (Darcet et al., ICLR 2024).

    They are trained, frozen (``frozen_stages``) and given a learning rate by depth as the class token is. On images of
    another size than ``img_size`` position embeddings are resized as in the paper's code: bicubic, with registers
    antialiased.

    Args:
        num_registers: How many; DINOv2 has 4; 0 for none.
        kwargs: As mmpretrain's ``VisionTransformer``, with a class token.
    """

    def __init__(self, *args: Any, num_registers: int = 4, **kwargs: Any) -> None:
        if num_registers < 0:
            raise ValueError(f"expected num_registers of 0 or more, got {num_registers}")
        super().__init__(*args, **kwargs)
        if self.cls_token is None:
            raise ValueError("expected a class token with register tokens, got with_cls_token=False")
        self.num_registers = num_registers
        self.register_tokens = None
        if num_registers:
            self.register_tokens = nn.Parameter(torch.zeros(1, num_registers, self.embed_dims))
            # mmpretrain freezes before they are there
            self.register_tokens.requires_grad = self.cls_token.requires_grad

    def init_weights(self) -> None:
        super().init_weights()
        if self.register_tokens is not None:
            nn.init.normal_(self.register_tokens, std=1e-6)

    def get_layer_depth(self, param_name: str, prefix: str = "") -> tuple[int, int]:
        """For learning rates that decay with depth: registers enter where the class token does."""
        named = f"{prefix}cls_token" if param_name == f"{prefix}register_tokens" else param_name
        return super().get_layer_depth(named, prefix)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Of images (B, 3, H, W): what ``out_type`` says, of each layer of ``out_indices``."""
        return self.encode(*self.patch_embed(images))

    def encode(self, patches: Tensor, grid: tuple[int, int]) -> tuple[Tensor, ...]:
        """Of the patches' embeddings (B, h w, C) on a grid (h, w): what ``forward`` gives."""
        placed = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1) + resize_positions(
            self.pos_embed,
            tuple(self.patch_resolution),
            (grid[0], grid[1]),
            extra=1,
            antialias=self.register_tokens is not None,
        )
        if self.register_tokens is not None:
            registers = self.register_tokens.expand(len(patches), -1, -1)
            placed = torch.cat([placed[:, :1], registers, placed[:, 1:]], dim=1)
        tokens = self.pre_norm(self.drop_after_pos(placed))
        outputs = []
        for index, layer in enumerate(self.layers):
            tokens = layer(tokens)
            if index == len(self.layers) - 1 and self.final_norm:
                tokens = self.ln1(tokens)
            if index in self.out_indices:
                without = torch.cat([tokens[:, :1], tokens[:, 1 + self.num_registers :]], dim=1)
                outputs.append(self._format_output(tokens if self.out_type == "raw" else without, grid))
        return tuple(outputs)
