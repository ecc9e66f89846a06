"""Which label mmdet gives to which category of a file in COCO's format."""

from __future__ import annotations

from typing import Any

from mmdet.datasets import LVISV05Dataset, Objects365V1Dataset, Objects365V2Dataset

from slotcon_mm.checks import listing
from slotcon_mm.launch.labeled_data.coco_files import CocoFile

__all__ = ["expect_categories", "labeled_categories"]


def labeled_categories(file: CocoFile, classes: list[str], kind: Any) -> list[dict[str, Any]]:
    """The categories that a dataset of type ``kind`` takes, in the order of their labels (mmdet 3.3.0)."""
    if issubclass(kind, LVISV05Dataset):
        return file.categories  # whatever the classes
    taken = [category for category in file.categories if category["name"] in classes]
    if issubclass(kind, Objects365V1Dataset | Objects365V2Dataset):
        return sorted(taken, key=lambda category: category["id"])
    return taken


def expect_categories(file: CocoFile, classes: list[str], kind: Any) -> list[str]:
    """Compares classes with a file's categories.

    mmdet leaves out a class that a file does not have, and every later class then has the label of the one before it;
    and it numbers labels in the order of the file, whatever the order of the classes.

    Returns:
        Lines for the log: categories that no class takes.

    Raises:
        ValueError: A class is not among the categories, or they come in another order, or names come twice.
    """
    names = [category["name"] for category in file.categories]
    if missing := [name for name in classes if name not in names]:
        raise ValueError(
            f"expected the classes of the config among the categories of {file.name}, got {listing(missing, most=5)}, "
            f"which it does not have. It has {listing(sorted(names), most=30)}. Set metainfo=dict(classes=(...)) "
            "of each dataset, and num_classes of the heads"
        )
    if several := sorted({name for name in classes if names.count(name) > 1}):
        raise ValueError(
            f"expected categories of different names in {file.name}, got several of {listing(several, most=5)}"
        )
    in_order = [category["name"] for category in labeled_categories(file, classes, kind)]
    if in_order != classes:
        raise ValueError(
            f"expected the classes of the config in the order of the categories of {file.name}, by which mmdet numbers "
            f"labels, got {listing(classes, most=5)}: set metainfo=dict(classes={tuple(in_order)}) of each dataset. If "
            "annotation files differ, put their categories into one order"
        )
    if left := sorted(set(names) - set(classes)):
        return [f"{file.name}: categories that no class of the config takes are left out: {listing(left, most=5)}"]
    return []
