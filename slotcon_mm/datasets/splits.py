"""Some of a dataset's images held out, at random, the same ones everywhere."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

__all__ = ["split_at_random"]


def split_at_random(names: Sequence[str], held_out: float, seed: int) -> tuple[list[int], list[int]]:
    """Positions of the names that stay for training, and of those held out; each in order.

    Names are ordered by a hash of seed and name, so that neither their order, nor the machine, nor a version of a
    library matters, and an image that is added moves few others.

    Args:
        names: Of images: their paths below the dataset's folder.
        held_out: Share of them, above 0 and below 1; at least one is, and at least one is not.
        seed: Another one holds out others.

    Raises:
        ValueError: The share is none, or there are fewer than two names.
    """
    if not 0 < held_out < 1:
        raise ValueError(f"expected a share of held-out images above 0 and below 1, got {held_out}")
    if len(names) < 2:
        raise ValueError(f"expected two images or more to hold some out, got {len(names)}")
    count = min(max(1, round(held_out * len(names))), len(names) - 1)
    order = sorted(range(len(names)), key=lambda i: hashlib.sha256(b"%d/" % seed + os.fsencode(names[i])).digest())
    return sorted(order[count:]), sorted(order[:count])
