"""Heads tell apart as many classes as the data have."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS

from slotcon_mm.checks import listing
from slotcon_mm.config_nodes import dicts_within, short_type
from slotcon_mm.launch.configs import LOADERS
from slotcon_mm.launch.labeled_data.class_names import classes_of
from slotcon_mm.launch.labeled_data.dataset_configs import datasets_within
from slotcon_mm.launch.labeled_data.kinds import type_of
from slotcon_mm.signatures import parameters_of

__all__ = ["expect_number_of_classes"]

# RPN has one class, whatever the data; the semantic head of HTC has those of stuff
HEADS = ("bbox_head", "mask_head", "mask_iou_head", "point_head", "segm_head")

# others are of videos, whose types list classes that no head learns, and of texts
BASES = {"BaseDetDataset", "BaseSegDataset"}


def expect_number_of_classes(config: Config) -> None:
    """ValueError for heads of other numbers of classes than the first dataset's.

    Neither mmdet (3.3.0) nor mmseg (1.2.2) compares them. A label above the number is trained as background in mmdet.
    """
    classes = classes_of_data(config)
    if classes is None:
        return
    wrong = {place: number for place, number in numbers_of_classes(config) if number != len(classes)}
    if wrong:
        raise ValueError(
            f"expected {len(classes)} classes of each head, as many as the dataset has ({listing(classes, most=5)}), "
            f"got {', '.join(f'{place}={number}' for place, number in wrong.items())}: set it by --cfg-options "
            + " ".join(f"{place}={len(classes)}" for place in wrong)
        )


def classes_of_data(config: Config) -> list[str] | None:
    """Those of the first dataset that has any; None for panoptic data, where heads share them."""
    for loader in LOADERS:
        for node in datasets_within((config.get(loader) or {}).get("dataset")):
            if "Panoptic" in short_type(node):
                return None
            kind = type_of(node, DATASETS, config.get("default_scope"))
            if not kind or BASES.isdisjoint(base.__name__ for base in kind.__mro__):
                continue
            if classes := classes_of(node, kind):
                return classes
    return None


def numbers_of_classes(config: Config) -> Iterator[tuple[str, int]]:
    """Keys and values, of defaults as well."""
    model, scope = config.get("model") or {}, config.get("default_scope")
    if scope == "mmseg":
        head, place = model.get("decode_head") or {}, "model.decode_head"
        if isinstance(head, list | tuple):  # a cascade ends in the one that is scored
            head, place = head[-1], f"{place}.{len(head) - 1}"
        if head.get("num_classes"):
            yield f"{place}.num_classes", head["num_classes"]
        return
    if "language_model" in model:
        return  # classes are words of a text
    for place, node in dicts_within(model, "model"):
        name = next(part for part in reversed(place.split(".")) if not part.isdigit())
        if name in HEADS and not node.get("class_agnostic"):
            number = node.get("num_classes", default_number(node, scope))
            if isinstance(number, int):
                yield f"{place}.num_classes", number


def default_number(head: Any, scope: str | None) -> Any:
    kind = type_of(head, MODELS, scope)
    parameter = parameters_of(kind).get("num_classes") if kind else None
    return None if parameter is None or parameter.default is inspect.Parameter.empty else parameter.default
