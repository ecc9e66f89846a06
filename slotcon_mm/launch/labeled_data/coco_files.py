"""Annotations in COCO's format, read once for all that is looked at in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from slotcon_mm.checks import printable
from slotcon_mm.datasets.coco_instances import read_json
from slotcon_mm.text_files import expect_unmarked

__all__ = ["CocoFile", "read_coco_file"]


class CocoFile(NamedTuple):
    """What a file holds.

    Attributes:
        name: Of the file, for messages.
        categories: Dicts with ``id`` and ``name``, in the order of the file.
        images: Dicts.
        annotations: Dicts.
    """

    name: str
    categories: list[dict[str, Any]]
    images: list[dict[str, Any]]
    annotations: list[dict[str, Any]]


def read_coco_file(path: Path) -> CocoFile:
    """ValueError, with the file's name, for what mmdet cannot read or has no categories."""
    name = printable(str(path))
    expect_unmarked(path, "mmdet")
    content = read_json(path)
    if not content.get("categories"):
        raise ValueError(f"expected annotations in COCO's format, got {name}, which has no categories")
    for key in ("categories", "images", "annotations"):
        # tests' own files have no annotations
        entries = content.setdefault(key, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise ValueError(f"expected {key} of COCO's format, a list of objects, in {name}, got {str(entries)[:80]}")
    for category in content["categories"]:
        if not isinstance(category.get("name"), str) or not isinstance(category.get("id"), int | str):
            raise ValueError(f"expected categories with id and name in {name}, got {str(category)[:80]}")
    return CocoFile(name, content["categories"], content["images"], content["annotations"])
