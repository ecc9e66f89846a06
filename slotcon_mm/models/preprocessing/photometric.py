"""Photometric operations on batches (B, 3, H, W) in [0, 1], each image with its own parameter (B,).

They follow torchvision's float-tensor functions; blur is a true Gaussian. Values are clamped after each operation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor

__all__ = [
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "adjust_saturation",
    "gaussian_blur",
    "jitter",
    "jitter_rows",
    "luma",
    "rows_of",
    "solarize",
]

# ITU-R BT.601, to the digits that Pillow and torchvision use
LUMA_WEIGHTS = (0.2989, 0.587, 0.114)
SOLARIZE_THRESHOLD = 128 / 255
# a normal's mass beyond 4 sigma is 6e-5: 0.02 of an 8-bit level
BLUR_RADIUS_IN_SIGMAS = 4.0


def luma(images: Tensor) -> Tensor:
    """Gray values (B, 1, H, W)."""
    red, green, blue = images.unbind(dim=1)
    return (LUMA_WEIGHTS[0] * red + LUMA_WEIGHTS[1] * green + LUMA_WEIGHTS[2] * blue)[:, None]


def blend(images: Tensor, other: Tensor, factor_B: Tensor) -> Tensor:
    """factor * images + (1 - factor) * other, clamped."""
    return torch.lerp(other, images, factor_B[:, None, None, None]).clamp(0, 1)


def adjust_brightness(images: Tensor, factor_B: Tensor) -> Tensor:
    return (images * factor_B[:, None, None, None]).clamp(0, 1)


def adjust_contrast(images: Tensor, factor_B: Tensor) -> Tensor:
    mean = luma(images).mean(dim=(1, 2, 3), keepdim=True)
    return blend(images, mean.expand_as(images), factor_B)


def adjust_saturation(images: Tensor, factor_B: Tensor) -> Tensor:
    return blend(images, luma(images).expand_as(images), factor_B)


def adjust_hue(images: Tensor, shift_B: Tensor) -> Tensor:
    """Turns the hue of HSV by ``shift_B`` in [-0.5, 0.5] of the circle."""
    value, _ = images.max(dim=1)
    chroma = value - images.amin(dim=1)
    red, green, blue = images.unbind(dim=1)
    divisor = torch.where(chroma > 0, chroma, 1)
    sixths = torch.where(
        value == red,
        (green - blue) / divisor,
        torch.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    turned = sixths + 6 * shift_B[:, None, None]
    # a channel falls from value by chroma as the hue leaves its third of the circle (offsets 5, 3, 1 for R, G, B)
    offsets = torch.arange(5, 0, -2, device=images.device, dtype=images.dtype)[None, :, None, None]
    position = (offsets + turned[:, None]).remainder(6)
    fall = torch.minimum(position, 4 - position).clamp(0, 1)
    return (value[:, None] - chroma[:, None] * fall).clamp(0, 1)


JITTER: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    adjust_brightness,
    adjust_contrast,
    adjust_saturation,
    adjust_hue,
)


def jitter_rows(order_B4: Tensor, chosen_B: Tensor) -> list[Tensor]:
    """Which images each operation meets in each of the four rounds: 16 lists of rows, of ``jitter``'s operations in
    turn, round by round.

    ``order_B4`` (permutations of 0-3) and ``chosen_B`` (bool) must be on the CPU: the host sorts images by operation,
    so that each round runs every operation once, on its own images, without a sync.
    """
    return [
        rows_of(chosen_B & (order_B4[:, turn] == operation)) for turn in range(4) for operation in range(len(JITTER))
    ]


def rows_of(chosen_B: Tensor) -> Tensor:
    return chosen_B.nonzero().flatten()


def jitter(images: Tensor, factors_B4: Tensor, rows: Sequence[Tensor]) -> Tensor:
    """Color jitter in place: brightness, contrast, saturation, hue, for each image in its own order.

    ``rows`` are those of ``jitter_rows``, on the images' device.
    """
    for turn, chosen in enumerate(rows):
        operation = turn % len(JITTER)
        apply_to_rows(images, chosen, JITTER[operation], factors_B4[:, operation])
    return images


def solarize(images: Tensor) -> Tensor:
    """Values of 128 / 255 and above are inverted."""
    return torch.where(images >= SOLARIZE_THRESHOLD, 1 - images, images)


def gaussian_blur(images: Tensor, sigma_B: Tensor, *, largest_sigma: float) -> Tensor:
    """Gaussian blur with reflected borders: one matrix an image and axis, so that a batch is two products.

    ``largest_sigma`` (of the batch, known to the host) sizes the matrices; each image's kernel ends at its own
    radius, so that it does not depend on the rest of the batch.
    """
    radius = math.ceil(BLUR_RADIUS_IN_SIGMAS * largest_sigma)
    distance = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    taps_BT = torch.exp(-0.5 * (distance / sigma_B[:, None]).square())
    taps_BT = taps_BT * (distance.abs() <= (BLUR_RADIUS_IN_SIGMAS * sigma_B).ceil()[:, None])
    taps_BT = taps_BT / taps_BT.sum(dim=1, keepdim=True)
    H, W = images.shape[-2:]
    rows_BHH = (taps_BT @ reflected_taps(H, radius, images.device, images.dtype)).unflatten(1, (H, H))
    columns_BWW = (taps_BT @ reflected_taps(W, radius, images.device, images.dtype)).unflatten(1, (W, W))
    return rows_BHH[:, None] @ images @ columns_BWW[:, None].mT


@lru_cache(maxsize=16)
def reflected_taps(size: int, radius: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """(2 radius + 1, size * size): which input each tap of each output reads, the border's pixel not repeated."""
    tap = torch.arange(-radius, radius + 1)[:, None]
    place = torch.arange(size)[None, :]
    period = max(1, 2 * (size - 1))
    source = (place + tap).remainder(period)
    source = torch.where(source < size, source, period - source)
    selected = torch.nn.functional.one_hot(source, size)
    return selected.flatten(1).to(dtype).to(device, non_blocking=True)


def apply_to_rows(images: Tensor, rows: Tensor, operation: Callable[..., Tensor], *parameters: Tensor) -> None:
    """In place ``images[rows] = operation(images[rows], parameters[rows])``; ``rows`` are ascending indices."""
    if len(rows) == len(images):
        images.copy_(operation(images, *parameters))
    elif len(rows):
        images.index_copy_(0, rows, operation(*(values.index_select(0, rows) for values in (images, *parameters))))
