"""How much of a difference between two scores of the same images is noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from slotcon_mm.evaluation.frozen.scorers import ImageCounts, Score

__all__ = ["Difference", "paired_difference"]

RESAMPLES = 1000


class Difference(NamedTuple):
    """``value`` in [-1, 1], later minus earlier; ``error``, its standard error over draws of images."""

    value: float
    error: float

    def is_below(self, errors: float) -> bool:
        """Whether the later score is lower by more than so many standard errors."""
        return self.value < -errors * self.error

    def is_above(self, errors: float) -> bool:
        """Whether the later score is higher by more than so many standard errors."""
        return self.value > errors * self.error


def paired_difference(earlier: Score, later: Score) -> Difference:
    """Of two scores by the same measure, of the same images in the same order.

    The error is that of a paired bootstrap (Efron, 1979): the same 1,000 draws of as many images, with replacement,
    are scored for both. What both find hard moves both, and leaves the difference alone.

    Raises:
        ValueError: The scores are not of as many images, or have no counts by image.
    """
    if earlier.images is None or later.images is None or len(earlier.images.hits) != len(later.images.hits):
        raise ValueError(
            f"expected two scores of the same images, got {described(earlier.images)} and {described(later.images)}"
        )
    count = len(earlier.images.hits)
    rng = np.random.default_rng(0)
    draws_RN = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    differences_R = mean_ious(later.images, draws_RN) - mean_ious(earlier.images, draws_RN)
    return Difference(later.value - earlier.value, float(np.nanstd(differences_R, ddof=1)))


def mean_ious(counts: ImageCounts, draws_RN: np.ndarray) -> np.ndarray:
    """(R,) mIoU over images that count as often as drawn; classes that are nowhere in them do not count."""
    hits_RC, unions_RC = (draws_RN @ np.asarray(part, np.int64) for part in counts)
    iou_RC = np.where(unions_RC > 0, hits_RC / np.maximum(unions_RC, 1), 0)
    return iou_RC.sum(axis=1) / np.maximum((unions_RC > 0).sum(axis=1), 1)


def described(counts: ImageCounts | None) -> str:
    return "one without counts by image" if counts is None else f"one of {len(counts.hits)} images"
