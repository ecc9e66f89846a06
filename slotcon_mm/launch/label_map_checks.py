"""Label maps are looked at before a run depends on them."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from torch.utils.data import ConcatDataset, Subset

from slotcon_mm.checks import printable
from slotcon_mm.config_nodes import short_type
from slotcon_mm.datasets.label_files import BadLabelMapError, read_values
from slotcon_mm.datasets.label_sets import IGNORED, LabelSet
from slotcon_mm.launch.configs import LOADERS
from slotcon_mm.launch.dataset_configs import pipelines_of
from slotcon_mm.launch.kinds import is_transform

__all__ = ["insert_label_map_checks", "try_labeled_samples"]

TRIED = 64  # samples, spread over the dataset: seconds


def insert_label_map_checks(config: Config) -> None:
    """Puts ``CheckLabelMap`` behind every ``LoadAnnotations`` of an mmseg config, in place."""
    if config.get("default_scope") != "mmseg":
        return
    head = config.model.get("decode_head") or {}
    head = head[-1] if isinstance(head, list | tuple) else head  # a cascade of heads ends in the one that is scored
    if not head.get("num_classes"):
        return
    check = dict(
        type="slotcon_mm.CheckLabelMap", num_classes=head["num_classes"], ignore_index=head.get("ignore_index", 255)
    )
    for loader in LOADERS:
        for pipeline in pipelines_of((config.get(loader) or {}).get("dataset")):
            if any(short_type(step) == "CheckLabelMap" for step in pipeline):
                continue
            loading = [i for i, step in enumerate(pipeline) if is_transform(step, "LoadAnnotations", "mmseg")]
            if loading:
                pipeline.insert(loading[0] + 1, ConfigDict(check))


def try_labeled_samples(dataset: Any) -> None:
    """Loads a few samples of a dataset with labels, so that a bad one stops the run before it begins.

    Raises:
        BadLabelMapError: A label map is not of its classes or its image's size, or all are binary masks of 0 and 255.
    """
    if not len(dataset):
        return
    first = info_of(dataset, 0)
    if not (first.get("seg_map_path") or "annotations" in first):
        return
    reads_values = bool(first.get("seg_map_path")) and ignores_255(first.get("label_set"))
    values: set[int] = set()
    with generators_kept():
        for index in np.unique(np.linspace(0, len(dataset) - 1, TRIED).astype(int)):
            dataset[int(index)]
            if reads_values:
                path = info_of(dataset, int(index))["seg_map_path"]
                values.update(np.unique(read_values(path)).tolist())
    if values == {0, IGNORED}:
        raise BadLabelMapError(
            f"expected label maps with classes, got only the values 0 and {IGNORED} in {printable(path)} and others. "
            f"{IGNORED} does not count: if it is the object of binary masks, write it as 1, or give LabelMapDataset a "
            "label_set=dict(classes=('background', 'object'), values=[0, 255], ignore=()); as options, --ignore none "
            "and --classes FILE with the lines 'background,0' and 'object,255'"
        )


def info_of(dataset: Any, index: int) -> dict[str, Any]:
    """What a dataset knows of a sample, looked for in the parts of it that torch puts together; nothing elsewhere."""
    if hasattr(dataset, "get_data_info"):
        return dataset.get_data_info(index) or {}
    if isinstance(dataset, Subset):
        return info_of(dataset.dataset, dataset.indices[index])
    if isinstance(dataset, ConcatDataset):
        number = bisect_right(dataset.cumulative_sizes, index)
        return info_of(dataset.datasets[number], index - (dataset.cumulative_sizes[number - 1] if number else 0))
    return {}


def ignores_255(label_set: LabelSet | None) -> bool:
    """Whether label maps hold values, of which 255 does not count: so in mmseg, which has no such set."""
    return label_set is None or (label_set.colors is None and label_set.table[IGNORED] == IGNORED)


@contextmanager
def generators_kept() -> Iterator[None]:
    """What is drawn in this block changes nothing that is drawn after it."""
    kept = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])
        torch.set_rng_state(kept[2])
