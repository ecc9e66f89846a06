"""The anchor: a backbone that is trained on from other weights is held near them."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn

from slotcon_mm.checks import expect_positive
from slotcon_mm.models.functional import feature_distance, similarity_distance

__all__ = ["Anchor"]

DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "features": feature_distance,
    "similarities": similarity_distance,
}


class Anchor(nn.Module):
    """The backbone as it was when training began, and how far the student has gone from it.

    Like the teacher's, its BN statistics are those of the batch, so that the distance begins at 0. It is part of
    checkpoints: a resumed run is held near the same start.

    Args:
        backbone: The student's.
        distance: ``'features'``: 1 - cosine of each pixel's features with those of the start; ``'similarities'``:
            squared difference of the cosines between an image's pixels (Gram anchoring, DINOv3, section 4), which
            leaves features free to turn together.
        weight: Of the distance in the training loss.
    """

    def __init__(self, backbone: nn.Module, distance: str = "features", weight: float = 1.0) -> None:
        super().__init__()
        expect_positive(weight=weight)
        if distance not in DISTANCES:
            raise ValueError(f"expected anchor.distance of {', '.join(DISTANCES)}, got {distance}")
        self.distance, self.weight = DISTANCES[distance], weight
        self.backbone = deepcopy(backbone).requires_grad_(False)

    @torch.no_grad()
    def copy_student(self, backbone: nn.Module) -> None:
        """Copies the student's parameters; its BN statistics are not used."""
        for mine, student in zip(self.backbone.parameters(), backbone.parameters(), strict=True):
            mine.copy_(student)

    def forward(self, images_B3HW: Tensor, student_BDHW: Tensor, in_index: int) -> Tensor:
        """The weighted distance (), a mean over images and pixels, of the student's features of the same images."""
        with torch.no_grad():
            maps = self.backbone(images_B3HW)
        start_BDHW = maps if isinstance(maps, Tensor) else maps[in_index]
        with torch.autocast(images_B3HW.device.type, enabled=False):
            return self.weight * self.distance(student_BDHW, start_BDHW)
