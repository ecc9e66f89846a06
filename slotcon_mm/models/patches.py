"""Images whose sides are not whole patches of a vision transformer."""

from __future__ import annotations

import torch.nn.functional as F
from mmpretrain.models import VisionTransformer
from torch import Tensor, nn

__all__ = ["at_size", "at_whole_patches", "patch_of", "up_to_multiple"]


def patch_of(backbone: nn.Module) -> int:
    """Side in pixels of the patches of mmpretrain's vision transformers, 1 of other networks.

    They fill the last row and column of other sizes up with zeros instead of refusing them, and their map is then that
    of a larger image.
    """
    return int(backbone.patch_embed.projection.stride[0]) if isinstance(backbone, VisionTransformer) else 1


def at_whole_patches(images: Tensor, backbone: nn.Module) -> Tensor:
    """Images (B, 3, H, W) at the next size of whole patches, so that the network's map is that of these images."""
    return at_size(images, up_to_multiple(images.shape[-2:], patch_of(backbone)))


def at_size(images: Tensor, size: tuple[int, ...]) -> Tensor:
    """Images (B, 3, H, W), resized where they are of another size."""
    return images if size == tuple(images.shape[-2:]) else F.interpolate(images, size, mode="bilinear", antialias=True)


def up_to_multiple(size: tuple[int, ...], multiple: int) -> tuple[int, ...]:
    """Each side's next multiple."""
    return tuple(-(-side // multiple) * multiple for side in size)
