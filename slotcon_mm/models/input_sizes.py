"""The size at which an image of any size is shown to a network."""

from __future__ import annotations

__all__ = ["LONGEST", "SMALLEST", "input_size", "usual_size"]

SHORTER_SIDE = 320 / 224  # of an image, in sides of a view: a crop of half its area shows it at this scale
LONGEST = 4  # times the shorter side: what longer images are squeezed to
SMALLEST = 32  # a side, in pixels


def usual_size(views: tuple[int, int]) -> int:
    """Pixels of the shorter side at which a training's views (height, width) showed images: 320 for views of 224."""
    return round(SHORTER_SIDE * min(views))


def input_size(height: int, width: int, size: int | None) -> tuple[int, int]:
    """Height and width in the network: the shorter side ``size``, the longer at most ``LONGEST`` times as much."""
    if size is None:
        return max(height, SMALLEST), max(width, SMALLEST)
    scale = size / min(height, width)
    height, width = (max(SMALLEST, min(round(scale * side), LONGEST * size)) for side in (height, width))
    return height, width
