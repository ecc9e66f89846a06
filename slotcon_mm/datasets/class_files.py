"""A file that names the classes of label maps: text, or the categories of a JSON file in COCO's format."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slotcon_mm.checks import printable
from slotcon_mm.datasets.coco_instances import categories_of, read_json
from slotcon_mm.datasets.label_set_dicts import as_color, label_set_of_dict
from slotcon_mm.text_files import as_utf8

__all__ = ["read_classes"]

# after a name, its value or color: what begins like a number or a color is meant as one
ENTRY = re.compile(r"(?P<name>.*?)\s*[,\t]\s*(?P<mark>[-+]?\d.*|#.*)")
VALUE, CHANNELS = re.compile(r"[-+]?\d+"), re.compile(r"(\d+)[ ,\t]+(\d+)[ ,\t]+(\d+)")


def read_classes(path: str | Path, ignore: int | str | Sequence[int | str] | None = None) -> dict[str, Any]:
    """The label set of a file, as the dict that ``label_set_of`` takes.

    A text file has a name a line, of classes 0, 1, 2, ...; or, on each line after a comma or a tab, the value that the
    class has in label maps, or its color as ``#rrggbb`` or ``r g b``. Blank lines and those that begin with ``# `` are
    passed over. Of a JSON file in COCO's format the categories count, their values being their ids.

    Args:
        path: Of the file.
        ignore: Values or colors of pixels that do not count, as ``label_set_of_dict`` takes them.

    Raises:
        ValueError: The file cannot be read or names no label set; it and the line are named.
    """
    name = printable(str(path))
    text = read_text(path)
    if text.lstrip().startswith("{"):
        categories = categories_of(read_json(path), name)
        found: dict[str, Any] = dict(classes=[*categories.values()], values=[*categories])
    else:
        found = classes_of_lines(text, name)
    if ignore is not None:
        found["ignore"] = ignore
    try:
        label_set_of_dict(found)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return found


def read_text(path: str | Path) -> str:
    try:
        return as_utf8(Path(path).read_bytes(), path).decode()
    except OSError as error:
        raise ValueError(f"expected a file of classes, got {printable(str(path))} ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"expected a file of classes in UTF-8, got {printable(str(path))} ({error})") from None


def classes_of_lines(text: str, path: str) -> dict[str, Any]:
    lines = [
        (f"{path}, line {number}", line.strip())
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not re.match(r"\s*#(\s|$)", line)
    ]
    if not lines:
        raise ValueError(f"expected a name of a class a line in {path}, got none")
    entries = [entry_of(line, place) for place, line in lines]
    kinds = [type(mark) for _, mark in entries]
    met: dict[Any, str] = {}
    for (place, line), (name, mark) in zip(lines, entries, strict=True):
        if type(mark) is not kinds[0]:
            raise ValueError(
                f"{place}: expected {DESCRIBED[kinds[0]]}, as on the lines before, got {printable(line)!r}"
            )
        for what in (name,) if mark is None else (name, mark):
            if what in met:
                raise ValueError(f"{place}: expected each name, value and color once, got {what!r} also in {met[what]}")
            met[what] = place.rpartition(", ")[2]
    names, marks = [name for name, _ in entries], [mark for _, mark in entries]
    key = {int: "values", tuple: "palette"}.get(kinds[0])
    return {"classes": names, **({key: [list(m) if isinstance(m, tuple) else m for m in marks]} if key else {})}


DESCRIBED = {type(None): "a name alone", int: "a name and a value", tuple: "a name and a color"}


def entry_of(line: str, place: str) -> tuple[str, Any]:
    """A line's name, and its value, color (r, g, b) or None."""
    entry = ENTRY.fullmatch(line)
    if entry is None:
        return line, None
    name, mark = entry["name"], entry["mark"]
    if not name:
        raise ValueError(f"{place}: expected a name before {mark!r}, got none")
    channels = CHANNELS.fullmatch(mark)
    if mark.startswith("#") or channels:
        try:
            return name, as_color([int(c) for c in channels.groups()] if channels else mark, f"of {name!r}")
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None
    if not VALUE.fullmatch(mark) or not 0 <= int(mark) <= 255:
        raise ValueError(
            f"{place}: expected a value from 0 to 255 or a color (#rrggbb, or r g b) of {name!r}, got {mark!r}"
        )
    return name, int(mark)
