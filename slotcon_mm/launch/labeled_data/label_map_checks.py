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
from slotcon_mm.datasets.image_samples import spread
from slotcon_mm.datasets.label_files import BadLabelMapError, read_labels, read_values
from slotcon_mm.datasets.label_sets import IGNORED, LabelSet
from slotcon_mm.datasets.label_values import ranges
from slotcon_mm.launch.configs import LOADERS
from slotcon_mm.launch.labeled_data.dataset_configs import pipelines_of
from slotcon_mm.launch.labeled_data.kinds import is_transform

__all__ = ["insert_label_map_checks", "try_labeled_samples"]

TRIED = 64  # samples, spread over the dataset: seconds


def insert_label_map_checks(config: Config) -> None:
    """Puts ``CheckLabelMap`` behind every ``LoadAnnotations`` of an mmseg config, in place.

    Raises:
        ValueError: Label maps are filled up with what is no class and not ignored.
    """
    if config.get("default_scope") != "mmseg":
        return
    head = config.model.get("decode_head") or {}
    head = head[-1] if isinstance(head, list | tuple) else head  # a cascade of heads ends in the one that is scored
    if not head.get("num_classes"):
        return
    ignored = head.get("ignore_index", IGNORED)
    expect_ignored_padding(config.model, head["num_classes"], ignored)
    check = dict(type="slotcon_mm.CheckLabelMap", num_classes=head["num_classes"], ignore_index=ignored)
    for loader in LOADERS:
        for pipeline in pipelines_of((config.get(loader) or {}).get("dataset")):
            if any(short_type(step) == "CheckLabelMap" for step in pipeline):
                continue
            loading = [i for i, step in enumerate(pipeline) if is_transform(step, "LoadAnnotations", "mmseg")]
            if loading:
                pipeline.insert(loading[0] + 1, ConfigDict(check))


def expect_ignored_padding(model: ConfigDict, num_classes: int, ignored: int) -> None:
    """ValueError where mmseg fills label maps up with a number that is no class and counts nevertheless."""
    preprocessor = model.get("data_preprocessor") or {}
    padding = preprocessor.get("seg_pad_val", IGNORED)
    if short_type(preprocessor) == "SegDataPreProcessor" and padding >= num_classes and padding != ignored:
        raise ValueError(
            f"expected label maps to be filled up with the head's ignore_index {ignored}, got {padding}, which is no "
            f"class: --cfg-options model.data_preprocessor.seg_pad_val={ignored}"
        )


def try_labeled_samples(dataset: Any) -> None:
    """Loads a few samples of a dataset with labels, so that a bad one stops the run before it begins.

    Raises:
        BadLabelMapError: A label map is not of its classes or its image's size; or all are binary masks of 0 and 255,
            or hold nothing that counts.
    """
    if not len(dataset):
        return
    first = info_of(dataset, 0)
    if not (first.get("seg_map_path") or "annotations" in first):
        return
    tried = spread(range(len(dataset)), TRIED)
    values: dict[int, bool] = {}
    with generators_kept():
        for index in tried:
            dataset[index]
            if first.get("seg_map_path"):
                info = info_of(dataset, index)
                path = printable(str(info["seg_map_path"]))
                for value, counts in values_in(info).items():
                    values[value] = values.get(value, False) or counts
    if set(values) == {0, IGNORED} and ignores_255(first.get("label_set")):
        raise BadLabelMapError(
            f"expected label maps with classes, got only the values 0 and {IGNORED} in {path} and others. "
            f"{IGNORED} does not count: if it is the object of binary masks, write it as 1, or give LabelMapDataset a "
            "label_set=dict(classes=('background', 'object'), values=[0, 255], ignore=()); as options, --ignore none "
            "and --classes FILE with the lines 'background,0' and 'object,255'"
        )
    if values and not any(values.values()):
        raise BadLabelMapError(
            f"expected label maps with classes, got none in all {len(tried)} that were looked at, {path} for one: they "
            f"hold only the values {ranges(np.array(sorted(values)))}, which do not count. Correct the files, or "
            "reduce_zero_label, metainfo.classes or label_set of the dataset; where no labels are needed, leave "
            "seg_map_path out of data_prefix"
        )


def values_in(info: dict[str, Any]) -> dict[int, bool]:
    """The values in a sample's label map, or the classes of its colors, and whether pixels of each count."""
    path, label_set = info["seg_map_path"], info.get("label_set")
    if label_set is not None and label_set.colors is not None:
        return {value: value != IGNORED for value in np.unique(read_labels(path, label_set)).tolist()}
    try:
        values = np.unique(read_values(path)).tolist()
    except ValueError as error:
        raise BadLabelMapError(f"{printable(str(path))}: {error}") from None
    if label_set is not None:
        return {value: bool(label_set.table[value] != IGNORED) for value in values}
    return {value: class_in_mmseg(value, info) != IGNORED for value in values}


def class_in_mmseg(value: int, info: dict[str, Any]) -> int:
    """What mmseg makes of a value by ``reduce_zero_label``, then by the classes that were chosen (``label_map``)."""
    if info.get("reduce_zero_label"):
        value = IGNORED if value in (0, IGNORED) else value - 1
    return (info.get("label_map") or {}).get(value, value)


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
