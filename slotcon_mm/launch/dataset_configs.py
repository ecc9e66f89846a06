"""Walks through the config of a dataset: pipelines, datasets within datasets, annotation files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slotcon_mm.config_nodes import dicts_within, short_type

__all__ = ["annotation_file", "coco_datasets", "pipelines_of"]


def pipelines_of(dataset: Any) -> Iterator[list[Any]]:
    """Those of a dataset's config and of the datasets within it."""
    return (node["pipeline"] for node in datasets_within(dataset) if isinstance(node.get("pipeline"), list))


def datasets_within(dataset: Any) -> Iterator[Any]:
    """A dataset's config and the dicts in it, but for those of pipelines."""
    return (node for _, node in dicts_within(dataset, leave_out="pipeline"))


def coco_datasets(dataset: Any) -> Iterator[Any]:
    """A dataset's config and those within it that are of mmdet's CocoDataset."""
    for node in datasets_within(dataset):
        if short_type(node) == "CocoDataset" and node.get("ann_file"):
            yield node


def annotation_file(dataset: Any) -> Path | None:
    """That of a dataset's config; None where there is no such file, as the host will say."""
    path = Path(dataset.get("data_root") or "", dataset["ann_file"])
    return path if path.is_file() else None
