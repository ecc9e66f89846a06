"""Where the two views of an image lie: crops, flips and the region that both share. No image library here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Crop", "draw_crop", "draw_overlapping_crop", "overlap_area", "overlap_boxes"]

ATTEMPTS = 10  # draws before a fallback, as in torchvision's RandomResizedCrop


class Crop(NamedTuple):
    """A rectangle of whole pixels; ``drawn_area`` is its area before rounding, in pixels."""

    left: int
    top: int
    width: int
    height: int
    drawn_area: float


def draw_crop(
    rng: np.random.Generator, width: int, height: int, scale: Sequence[float], ratio: Sequence[float]
) -> Crop:
    """A crop that fits an image of ``width`` x ``height``; a central one if none of ten draws does."""
    for _ in range(ATTEMPTS):
        crop = propose_crop(rng, width, height, scale, ratio)
        if crop is not None:
            return crop
    return central_crop(width, height, ratio)


def draw_overlapping_crop(
    rng: np.random.Generator,
    first: Crop,
    width: int,
    height: int,
    scale: Sequence[float],
    ratio: Sequence[float],
    min_overlap: float,
) -> Crop:
    """A crop that shares at least ``min_overlap`` of its drawn area with ``first``.

    If none of ten draws does, it is drawn without the condition and may share nothing.
    """
    for _ in range(ATTEMPTS):
        crop = propose_crop(rng, width, height, scale, ratio)
        if crop is not None and overlap_area(first, crop) >= min_overlap * crop.drawn_area:
            return crop
    return draw_crop(rng, width, height, scale, ratio)


def propose_crop(
    rng: np.random.Generator, width: int, height: int, scale: Sequence[float], ratio: Sequence[float]
) -> Crop | None:
    """One draw: area uniform in ``scale``, aspect log-uniform in ``ratio``, place uniform; None if it does not fit."""
    drawn_area = width * height * rng.uniform(scale[0], scale[1])
    aspect = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
    crop_width = round(math.sqrt(drawn_area * aspect))
    crop_height = round(math.sqrt(drawn_area / aspect))
    if not (0 < crop_width <= width and 0 < crop_height <= height):
        return None
    top = int(rng.integers(0, height - crop_height + 1))
    left = int(rng.integers(0, width - crop_width + 1))
    return Crop(left, top, crop_width, crop_height, drawn_area)


def central_crop(width: int, height: int, ratio: Sequence[float]) -> Crop:
    """The largest central crop whose aspect is within ``ratio`` (torchvision's fallback)."""
    crop_width, crop_height = width, height
    if width / height < ratio[0]:
        crop_height = max(1, round(width / ratio[0]))
    elif width / height > ratio[1]:
        crop_width = max(1, round(height * ratio[1]))
    left, top = (width - crop_width) // 2, (height - crop_height) // 2
    return Crop(left, top, crop_width, crop_height, crop_width * crop_height)


def shared_rectangle(a: Crop, b: Crop) -> tuple[int, int, int, int]:
    """Left, top, right, bottom in the image; right <= left or bottom <= top if they share nothing."""
    return (
        max(a.left, b.left),
        max(a.top, b.top),
        min(a.left + a.width, b.left + b.width),
        min(a.top + a.height, b.top + b.height),
    )


def overlap_area(a: Crop, b: Crop) -> int:
    """Shared pixels."""
    left, top, right, bottom = shared_rectangle(a, b)
    return max(0, right - left) * max(0, bottom - top)


def overlap_boxes(crops: Sequence[Crop], flipped: Sequence[bool]) -> np.ndarray:
    """(2, 4) float32: the shared region in each view after its flip, xyxy in [0, 1]; zeros if there is none."""
    boxes = np.zeros((2, 4), dtype=np.float32)
    if overlap_area(*crops) == 0:
        return boxes
    left, top, right, bottom = shared_rectangle(*crops)
    for i, (crop, is_flipped) in enumerate(zip(crops, flipped, strict=True)):
        x0, x1 = (left - crop.left) / crop.width, (right - crop.left) / crop.width
        y0, y1 = (top - crop.top) / crop.height, (bottom - crop.top) / crop.height
        boxes[i] = (x0, y0, x1, y1)
        if is_flipped:
            boxes[i, [0, 2]] = 1 - boxes[i, [2, 0]]  # of rounded numbers, as in the published code
    return boxes
