"""The sizes of the authors' vision transformers: heads of attention are no part of a file's shapes."""

from __future__ import annotations

__all__ = ["SIZES", "heads_of"]

# channels, blocks, heads and pixels of a patch's side of SlotMIM's networks (models/vision_transformer.py)
SIZES = ((192, 12, 3, 16), (384, 12, 6, 16), (768, 12, 12, 16), (1024, 24, 16, 16), (1280, 32, 16, 14))


def heads_of(channels: int) -> int:
    """Of a network so wide; of 64 channels each if the authors have none."""
    return {size[0]: size[2] for size in SIZES}.get(channels, max(1, channels // 64))
