"""Datasets of a config by the type of mmdet's whose reading of files they share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS

from slotcon_mm.launch.configs import LOADERS
from slotcon_mm.launch.labeled_data.dataset_configs import annotation_file, datasets_within
from slotcon_mm.launch.labeled_data.kinds import type_of

__all__ = ["file_of", "sets_of"]


def sets_of(config: Config, base: Any) -> Iterator[tuple[str, Any, Any]]:
    """Loaders, configs and types of datasets of a type, and of those that inherit from it and leave the reading of
    files to mmdet."""
    for loader in LOADERS:
        for node in datasets_within((config.get(loader) or {}).get("dataset")):
            kind = type_of(node, DATASETS, "mmdet")
            if kind and issubclass(kind, base) and kind.load_data_list.__module__.startswith("mmdet."):
                yield loader, node, kind


def file_of(node: Any) -> Path | None:
    """The annotation file of a dataset's config; None without one, and where it does not exist: the host names it."""
    return annotation_file(node) if node.get("ann_file") else None
