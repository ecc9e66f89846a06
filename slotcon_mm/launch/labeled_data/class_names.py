"""The classes of labeled datasets, as their configs or types name them."""

from __future__ import annotations

import os
from typing import Any

from mmengine.config import Config
from mmengine.fileio import list_from_file
from mmengine.registry import DATASETS

from slotcon_mm.checks import listing, printable
from slotcon_mm.launch.configs import LOADERS
from slotcon_mm.launch.labeled_data.dataset_configs import datasets_within
from slotcon_mm.launch.labeled_data.kinds import type_of

__all__ = ["classes_of", "expect_one_order", "expect_tuples"]


def classes_of(dataset: Any, kind: Any) -> list[str] | None:
    """Of the config, or else of the dataset's type; None where neither has any.

    A string that names a file stands for the names in it, one a line, as in MMEngine's BaseDataset.

    Raises:
        ValueError: They are a string that names no file. In it mmdet (3.3.0) would look for the names of categories.
    """
    given = (dataset.get("metainfo") or {}).get("classes")
    if given is None:
        given = (getattr(kind, "METAINFO", None) or {}).get("classes")
    if isinstance(given, str):
        if not os.path.isfile(given):
            name = printable(given)
            raise ValueError(
                f"expected a tuple of names as metainfo.classes, got the string {name!r}: write classes=({name!r},), "
                "with a comma, or the path of a file that has a name in each line"
            )
        return list_from_file(given)
    return None if given is None else list(given)


def expect_tuples(config: Config) -> None:
    """``classes_of``'s ValueError for any dataset of a config."""
    for loader in LOADERS:
        for dataset in datasets_within((config.get(loader) or {}).get("dataset")):
            if isinstance((dataset.get("metainfo") or {}).get("classes"), str):
                classes_of(dataset, type_of(dataset, DATASETS, config.get("default_scope")))


def expect_one_order(files: list[tuple[str, list[str]]]) -> None:
    """ValueError unless all files are read with the same classes in one order: a label is a place among them."""
    first_with: dict[tuple[str, ...], str] = {}
    for name, classes in files:
        first_with.setdefault(tuple(classes), name)
    if len(first_with) > 1:
        raise ValueError(
            "expected the same classes in one order in all datasets, since a label is a class's place among them, got "
            + "; ".join(f"{listing(given)} for {name}" for given, name in first_with.items())
        )
