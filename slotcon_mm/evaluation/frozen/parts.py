"""The two parts of labeled images that an evaluation needs: one to learn from, one to be scored on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from mmengine.registry import DATASETS
from torch.utils.data import ConcatDataset, Subset

from slotcon_mm.checks import expect_positive, listing
from slotcon_mm.datasets.label_sets import LabelSet

__all__ = ["LabeledParts", "build_parts", "spread"]


class LabeledParts(NamedTuple):
    """``train`` and ``held_out``: datasets whose samples have ``img`` (H, W, 3) uint8 RGB and ``gt_sem_seg`` (H, W)
    uint8, for FG-ARI also ``gt_instances`` (H, W); and what their labels mean."""

    train: Any
    held_out: Any
    label_set: LabelSet


def build_parts(train: Any, held_out: Any, most: int | None = None) -> LabeledParts:
    """Datasets, or what their configs build; with ``most``, so many images of each, spread evenly over its list.

    Each is a dataset with a ``label_set``, a config of one, or a list of configs, whose images are put together.

    Raises:
        ValueError: They are not of the same classes, or have no images or labels.
    """
    opened = [open_part(part) for part in (train, held_out)]
    for dataset in (dataset for datasets in opened for dataset in datasets):
        if not hasattr(dataset, "label_set"):
            raise ValueError(f"expected datasets of type slotcon_mm.LabelMapDataset, got {type(dataset).__name__}")
    label_set = opened[0][0].label_set
    for dataset in (dataset for datasets in opened for dataset in datasets):
        if dataset.label_set.names != label_set.names:
            raise ValueError(
                f"expected the same classes in all parts, got {listing(label_set.names)} in the first one, and "
                f"{listing(dataset.label_set.names)}"
            )
    parts = [datasets[0] if len(datasets) == 1 else ConcatDataset(datasets) for datasets in opened]
    if most is not None:
        expect_positive(most_images=most)
        parts = [spread(part, most) for part in parts]
    return LabeledParts(parts[0], parts[1], label_set)


def open_part(part: Any) -> list[Any]:
    configs = part if isinstance(part, list | tuple) else [part]
    return [DATASETS.build(dict(config)) if isinstance(config, Mapping) else config for config in configs]


def spread(dataset: Any, most: int) -> Any:
    """At most so many of its samples, evenly over its list, the first and the last among them."""
    count = len(dataset)
    return dataset if count <= most else Subset(dataset, np.linspace(0, count - 1, most).astype(int).tolist())
