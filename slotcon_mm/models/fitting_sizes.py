"""Images of any size through networks that take some sizes only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from slotcon_mm.models.algorithms.grouping_algorithm import GroupingAlgorithm
from slotcon_mm.models.necks.grouping_neck import Grouping
from slotcon_mm.models.patches import at_size, patch_of, up_to_multiple

__all__ = ["at_fitting_size", "group_at_fitting_size"]

# pixels: what networks can take that halve an image five times and add the results (HRNet), and patches of 14 (DINOv2)
MULTIPLES = 32, 14
Result = TypeVar("Result")


def group_at_fitting_size(model: GroupingAlgorithm, images: Tensor, views: tuple[int, int]) -> Grouping:
    """The teacher's groups of normalized images (B, 3, H, W), as ``at_fitting_size``."""
    return at_fitting_size(model.teacher, images, views, type(model.backbone).__name__, patch_of(model.backbone))


def at_fitting_size(
    network: Callable[[Tensor], Result], images: Tensor, views: tuple[int, int], name: str, patch: int = 1
) -> Result:
    """What a network makes of normalized images (B, 3, H, W).

    It sees them at the next size of whole patches. One that refuses that size sees them at the next that it takes:
    sides that are multiples of one of ``MULTIPLES``, else the size of the views that it was trained with.

    Raises:
        ValueError: It takes none of these; ``name`` is the network's.
    """
    height, width = images.shape[-2:]
    multiples = (patch, *MULTIPLES)
    up = [up_to_multiple((height, width), multiple) for multiple in multiples]
    refused: Exception | None = None
    for size in dict.fromkeys([*up, views]):
        try:
            return network(at_size(images, size))
        except (RuntimeError, AssertionError) as error:
            if isinstance(error, torch.cuda.OutOfMemoryError):
                raise
            refused = refused or error
    said = " ".join(str(refused).split())
    raise ValueError(
        f"expected a network that takes images of {height} x {width}, of sides that are multiples of "
        f"{' or '.join(map(str, MULTIPLES))}, or of its views' {views[0]} x {views[1]}, got from {name}: {said}"
    )
