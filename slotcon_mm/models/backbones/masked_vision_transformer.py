"""A vision transformer that can be shown a view with some of its patches masked."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from slotcon_mm.models.backbones.register_vision_transformer import RegisterVisionTransformer
from slotcon_mm.models.layers.position_embeddings import sine_cosine_positions
from slotcon_mm.registry import MODELS

__all__ = ["MaskedVisionTransformer"]


@MODELS.register_module()
class MaskedVisionTransformer(RegisterVisionTransformer):
    """mmpretrain's, whose masked patches are replaced by one learned token before positions are added (SlotMIM).

    A ViT for masked image modeling that is trained from random weights: positions start as two-dimensional sines and
    cosines and are trained, layers as Xavier's with qkv as one matrix, the class token from a normal of 0.02, the mask
    token at 0. Without a mask it computes what ``VisionTransformer`` does.

    Args:
        num_registers: Register tokens of a DINOv2 to start from; none by default.
        kwargs: As mmpretrain's ``VisionTransformer``, with a class token.
    """

    def __init__(self, *args: Any, num_registers: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, num_registers=num_registers, **kwargs)
        self.mask_token = nn.Parameter(torch.zeros(1, self.embed_dims))

    def init_weights(self) -> None:
        super().init_weights()
        if isinstance(self.init_cfg, dict) and self.init_cfg["type"] == "Pretrained":
            return
        height, width = self.patch_resolution
        with torch.no_grad():
            self.pos_embed.copy_(sine_cosine_positions(height, width, self.embed_dims, extra=1))
        nn.init.normal_(self.cls_token, std=0.02)
        nn.init.zeros_(self.mask_token)
        for layer in self.layers.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        patches = self.patch_embed.projection
        nn.init.xavier_uniform_(patches.weight.view(len(patches.weight), -1))
        bound = patches.weight[0].numel() ** -0.5
        if patches.bias is not None:  # pre_norm=True and patch_cfg=dict(bias=False) have none
            nn.init.uniform_(patches.bias, -bound, bound)

    def get_layer_depth(self, param_name: str, prefix: str = "") -> tuple[int, int]:
        """For learning rates that decay with depth: the mask token enters where patches do."""
        named = f"{prefix}patch_embed" if param_name == f"{prefix}mask_token" else param_name
        return super().get_layer_depth(named, prefix)

    def forward(self, images: Tensor, masked_BHW: Tensor | None = None) -> tuple[Tensor, ...]:
        """Of images (B, 3, H, W) and, where given, (B, h, w) bool of the grid of patches: which are masked.

        Raises:
            ValueError: The mask has another grid.
        """
        patches_BLC, grid = self.patch_embed(images)
        if masked_BHW is None:  # the mask token stays part of the graph, which distributed training counts on
            masked_BHW = torch.zeros(len(images), *grid, dtype=torch.bool, device=images.device)
        expected = (len(images), *grid)
        if tuple(masked_BHW.shape) != expected:
            raise ValueError(
                f"expected masks of the grid of patches {expected}, got {tuple(masked_BHW.shape)}: set PairedViews' "
                "mask.patch_size to the backbone's patch_size"
            )
        patches_BLC = torch.where(masked_BHW.flatten(1)[..., None], self.mask_token, patches_BLC)
        return self.encode(patches_BLC, grid)
