"""The two parts of labeled images that an evaluation needs: one to learn from, one to be scored on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from mmengine.registry import DATASETS
from torch.utils.data import Subset

from slotcon_mm.checks import expect_positive
from slotcon_mm.datasets.label_sets import LabelSet

__all__ = ["LabeledParts", "build_parts"]


class LabeledParts(NamedTuple):
    """``train`` and ``held_out``: datasets whose samples have ``img`` (H, W, 3) uint8 RGB and ``gt_sem_seg`` (H, W)
    uint8, for FG-ARI also ``gt_instances`` (H, W); and what their labels mean."""

    train: Any
    held_out: Any
    label_set: LabelSet


def build_parts(train: Any, held_out: Any, most: int | None = None) -> LabeledParts:
    """Datasets, or what their configs build; with ``most``, so many images of each, spread evenly over its list.

    Raises:
        ValueError: They are not of the same classes, or have no images or labels.
    """
    parts = [DATASETS.build(dict(part)) if isinstance(part, Mapping) else part for part in (train, held_out)]
    sets = [part.label_set for part in parts]
    if sets[0].names != sets[1].names:
        raise ValueError(
            f"expected the same classes in both parts, got {', '.join(sets[0].names)} in the training part and "
            f"{', '.join(sets[1].names)} in the held-out one"
        )
    if most is not None:
        expect_positive(most_images=most)
        parts = [spread(part, most) for part in parts]
    return LabeledParts(parts[0], parts[1], sets[0])


def spread(dataset: Any, most: int) -> Any:
    count = len(dataset)
    return dataset if count <= most else Subset(dataset, np.linspace(0, count - 1, most).astype(int).tolist())
