"""Walks through the config of a dataset: pipelines, datasets within datasets, annotation files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["annotation_file", "coco_datasets", "dicts_within", "pipelines_of"]


def pipelines_of(dataset: Any) -> Iterator[list[Any]]:
    """Those of a dataset's config and of the datasets within it."""
    return (node["pipeline"] for node in dicts_within(dataset) if isinstance(node.get("pipeline"), list))


def dicts_within(node: Any) -> Iterator[Any]:
    """A dataset's config and the dicts in it, but for those of pipelines."""
    if isinstance(node, dict):
        yield node
        for key, value in node.items():
            if key != "pipeline":
                yield from dicts_within(value)
    elif isinstance(node, list | tuple):
        for item in node:
            yield from dicts_within(item)


def coco_datasets(dataset: Any) -> Iterator[Any]:
    """A dataset's config and those within it that are of mmdet's CocoDataset."""
    for node in dicts_within(dataset):
        if str(node.get("type")).rpartition(".")[2] == "CocoDataset" and node.get("ann_file"):
            yield node


def annotation_file(dataset: Any) -> Path | None:
    """That of a dataset's config; None where there is no such file, as the host will say."""
    path = Path(dataset.get("data_root") or "", dataset["ann_file"])
    return path if path.is_file() else None
