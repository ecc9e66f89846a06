"""What mmdet and pycocotools read of each image and annotation in COCO's format is there."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from slotcon_mm.checks import listing
from slotcon_mm.launch.labeled_data.coco_files import CocoFile

__all__ = ["expect_entries"]


def is_id(value: Any) -> bool:
    return isinstance(value, int | str)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def is_length(value: Any) -> bool:
    return is_number(value) and value > 0


def is_box(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(is_number, value))


def is_mask(value: Any) -> bool:
    """Polygons, or the runs of a mask; that there is none at all is looked at elsewhere."""
    if isinstance(value, dict):
        return not value or {"counts", "size"} <= value.keys()
    return not value or (isinstance(value, list) and all(isinstance(part, list) and len(part) >= 4 for part in value))


class Key(NamedTuple):
    is_right: Callable[[Any], bool]
    fix: str


ID = Key(is_id, "number them, each with a number of its own")
IMAGE = {
    "id": ID,
    "file_name": Key(lambda value: isinstance(value, str), "write the file's name below data_prefix"),
    "height": Key(is_length, "write the image's height in pixels"),
    "width": Key(is_length, "write the image's width in pixels"),
}
ANNOTATION = {
    "id": ID,
    "image_id": Key(is_id, "write the id of its image"),
    "category_id": Key(is_id, "write the id of its category"),
    "bbox": Key(is_box, "write [x, y, width, height], in pixels"),
    "area": Key(is_number, "write the area of the mask, or width x height of the box"),
    "iscrowd": Key(lambda value: value in (0, 1), "write 0, or 1 for a crowd: the score reads it"),
    # one that is absent is looked for elsewhere
    "segmentation": Key(is_mask, "write a list of polygons, [[x, y, x, y, x, y, ...], ...], or RLE"),
}
# not every run reads them
OPTIONAL = ("file_name", "iscrowd", "segmentation")


def expect_entries(file: CocoFile, also: Collection[str] = ()) -> None:
    """ValueError for keys that are absent, of another kind, or ids that come twice.

    mmdet (3.3.0) and pycocotools end in a KeyError or TypeError without the file's name, some after the first epoch.

    Args:
        file: Its categories have ids and names.
        also: Of ``OPTIONAL``, those that are read.
    """
    expect_different_ids("categories", file.categories, file.name)
    for kind, entries, keys in (("images", file.images, IMAGE), ("annotations", file.annotations, ANNOTATION)):
        read = {key: right for key, right in keys.items() if key not in OPTIONAL or key in also}
        expect_keys(kind, entries, read, file.name)
        expect_different_ids(kind, entries, file.name)


def expect_keys(kind: str, entries: list[dict[str, Any]], keys: dict[str, Key], name: str) -> None:
    for key, (is_right, fix) in keys.items():
        wrong = [index for index, entry in enumerate(entries) if not is_right(entry.get(key))]
        if wrong:
            entry = entries[wrong[0]]
            given = f"{str(entry[key])[:40]}" if key in entry else "none"
            of_id = f" (id {entry['id']})" if key != "id" and "id" in entry else ""
            more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            raise ValueError(
                f"expected {key} in each of the {kind} of {name}, got {given} in {kind}[{wrong[0]}]{of_id}{more}: {fix}"
            )


def expect_different_ids(kind: str, entries: list[dict[str, Any]], name: str) -> None:
    if found := [str(number) for number, count in Counter(entry["id"] for entry in entries).items() if count > 1]:
        raise ValueError(
            f"expected {kind} of different ids in {name}, got several of {listing(found, most=5)}: {ID.fix}"
        )
