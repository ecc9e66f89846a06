"""Walks through the config of a dataset: pipelines, datasets within datasets, annotation files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slotcon_mm.config_nodes import dicts_within

__all__ = ["annotation_file", "datasets_within", "pipelines_of"]


def pipelines_of(dataset: Any) -> Iterator[list[Any]]:
    """Those of a dataset's config and of the datasets within it."""
    return (node["pipeline"] for node in datasets_within(dataset) if isinstance(node.get("pipeline"), list))


def datasets_within(dataset: Any) -> Iterator[Any]:
    """A dataset's config and the dicts in it, but for those of pipelines."""
    return (node for _, node in dicts_within(dataset, leave_out="pipeline"))


def annotation_file(dataset: Any) -> Path | None:
    """That of a dataset's config; None where there is no such file, as the host will say."""
    path = Path(dataset.get("data_root") or "", dataset["ann_file"])
    return path if path.is_file() else None
