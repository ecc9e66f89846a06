"""Images of different sizes, in batches of one size each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

__all__ = ["batches_of_one_size"]


def batches_of_one_size(images: Tensor | Sequence[Tensor]) -> Iterator[tuple[list[int], Tensor]]:
    """Positions, and the images (C, H, W) there as one batch (b, C, H, W), for each size that occurs.

    A batch (B, C, H, W) is yielded as it is. Nothing is padded: an image's result is that of a batch of its own.
    """
    if isinstance(images, Tensor):
        yield list(range(len(images))), images
        return
    places: dict[tuple[int, ...], list[int]] = {}
    for place, image in enumerate(images):
        places.setdefault(tuple(image.shape), []).append(place)
    for chosen in places.values():
        yield chosen, torch.stack([images[place] for place in chosen])
