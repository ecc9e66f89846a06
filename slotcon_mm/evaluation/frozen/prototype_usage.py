"""How many of a network's prototypes are in use.

Shape suffixes: I images, K prototypes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from slotcon_mm.evaluation.frozen.sampled_pixels import RowsByImage
from slotcon_mm.models.functional import perplexity

__all__ = ["PrototypeUsage"]


class PrototypeUsage:
    """Each cell belongs to the prototype with the highest score."""

    def __init__(self) -> None:
        self.rows = RowsByImage()

    def add(self, position: int, scores_Khw: Tensor) -> None:
        """An image of this process."""
        winners = scores_Khw.argmax(dim=0).flatten()
        self.rows.add(position, torch.bincount(winners, minlength=len(scores_Khw))[None])

    def score(self) -> tuple[float, float]:
        """Perplexity of the prototypes' shares of an image, a mean over images, 1 to K; and how many an image has.

        The same on every process.
        """
        (counts_IK,) = self.rows.gather()
        shares_IK = counts_IK.double() / counts_IK.sum(dim=1, keepdim=True)
        return float(perplexity(shares_IK.mean(dim=0))), float((counts_IK > 0).sum(dim=1).double().mean())
