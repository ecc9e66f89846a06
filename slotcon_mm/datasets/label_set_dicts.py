"""A label set as a config or a file of classes writes it: a dict."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from slotcon_mm.checks import listing
from slotcon_mm.datasets.label_values import IGNORED, LabelSet

__all__ = ["as_color", "label_set_of_dict"]

KEYS = ("classes", "values", "palette", "ignore", "things")
MOST_CLASSES = IGNORED  # classes are 0 to 254


def label_set_of_dict(given: Mapping[str, Any]) -> LabelSet:
    """The label set that a dict describes.

    ============  =================================================================================================
    ``classes``   names, at most 255
    ``values``    of label maps: for each class an integer from 0 to 255, or several that it merges; in the order of
                  ``classes``, or as a dict by name. Default: 0, 1, 2, ...
    ``palette``   in place of ``values`` where label maps are drawn in colors: for each class (r, g, b) or '#rrggbb'
    ``ignore``    value or values of pixels that do not count; default 255, ``()`` for none. With ``palette`` a color
                  or several (a single integer is a gray); default none
    ``things``    names of classes that are things; the others are stuff. Default: not told
    ============  =================================================================================================

    Raises:
        ValueError: A key is unknown or has a wrong value; it is told which, and what to write.
    """
    if unknown := [str(key) for key in given if key not in KEYS]:
        raise ValueError(f"expected a label set with the keys {', '.join(KEYS)}, got {listing(unknown, most=5)}")
    names = names_of(given.get("classes"))
    things = things_of(given.get("things"), names)
    if given.get("palette") is not None:
        if given.get("values") is not None:
            raise ValueError(
                "expected values or palette of a label set, got both: values are those in the files, a palette is for "
                "files that are drawn in colors"
            )
        return colored(names, things, given["palette"], given.get("ignore"))
    ignored = given.get("ignore")
    return valued(names, things, given.get("values"), IGNORED if ignored is None else ignored)


def names_of(given: Any) -> tuple[str, ...]:
    names = as_tuple(given)
    if not names or any(not isinstance(name, str) or not name.strip() for name in names):
        raise ValueError(f"expected classes=('name', 'name', ...) of a label set, got {given!r}")
    if repeated := [name for i, name in enumerate(names) if name in names[:i]]:
        raise ValueError(
            f"expected each class once, got {listing(repeated, most=5)} twice: a class that has several values takes "
            "them all, values=[0, (1, 2), ...]"
        )
    if len(names) > MOST_CLASSES:
        raise ValueError(f"expected at most {MOST_CLASSES} classes, got {len(names)}")
    return names


def things_of(given: Any, names: Sequence[str]) -> frozenset[str]:
    things = () if given is None else as_tuple(given)
    if things is None or (strange := [str(name) for name in things if name not in names]):
        raise ValueError(
            f"expected things to be names of classes, got {given!r}"
            if things is None
            else f"expected things among the classes {listing(names)}, got {listing(strange, most=5)}"
        )
    return frozenset(things)


def valued(names: tuple[str, ...], things: frozenset[str], values: Any, ignore: Any) -> LabelSet:
    """Of files that hold values."""
    void = as_values(ignore, "ignore")
    table = np.full(256, IGNORED, np.uint8)
    owners: dict[int, str] = {}
    for number, (name, own) in enumerate(zip(names, values_by_class(values, names), strict=True)):
        for value in own:
            if value in void:
                raise ValueError(
                    f"expected values that are a class's or ignored, got {value} as both, of {name!r}: set ignore to "
                    "the values that do not count, () for none (--ignore none)"
                )
            if value in owners:
                raise ValueError(f"expected a value of one class, got {value} of {owners[value]!r} and {name!r}")
            owners[value] = name
            table[value] = number
    return LabelSet(names, table, things, void)


def values_by_class(given: Any, names: Sequence[str]) -> list[tuple[int, ...]]:
    if given is None:
        return [(i,) for i in range(len(names))]
    if isinstance(given, Mapping):
        if set(given) != set(names):
            missing = [name for name in names if name not in given]
            strange = [str(name) for name in given if name not in names]
            raise ValueError(
                f"expected values of each class, got none of {listing(missing, most=5)}"
                if missing
                else f"expected values of classes, got some of {listing(strange, most=5)}, which are no classes"
            )
        given = [given[name] for name in names]
    found = as_tuple(given)
    if found is None or len(found) != len(names):
        raise ValueError(
            f"expected values of {len(names)} classes, got {f'{len(found)} of them' if found else repr(given)}"
        )
    return [as_values(value, f"values of {name!r}", least=1) for name, value in zip(names, found, strict=True)]


def as_values(given: Any, what: str, least: int = 0) -> tuple[int, ...]:
    """One integer or several, each from 0 to 255."""
    values = (given,) if is_integer(given) else as_tuple(given)
    if values is None or len(values) < least or any(not is_integer(v) or not 0 <= v <= 255 for v in values):
        raise ValueError(f"expected {what} to be integers from 0 to 255, got {given!r}")
    return tuple(int(value) for value in values)


def colored(names: tuple[str, ...], things: frozenset[str], palette: Any, ignore: Any) -> LabelSet:
    """Of files that are drawn in colors; there, value and class are one."""
    given = as_tuple(palette)
    if given is None or len(given) != len(names):
        raise ValueError(
            f"expected a palette of {len(names)} colors, one a class, got {f'{len(given)}' if given else repr(palette)}"
        )
    colors = [as_color(color, f"of {name!r}") for name, color in zip(names, given, strict=True)]
    void = ignored_colors(ignore)
    for i, (name, color) in enumerate(zip(names, colors, strict=True)):
        if color in colors[:i]:
            raise ValueError(
                f"expected a color of one class, got {color} of {names[colors.index(color)]!r} and {name!r}"
            )
        if color in void:
            raise ValueError(f"expected colors that are a class's or ignored, got {color} as both, of {name!r}")
    table = np.full(256, IGNORED, np.uint8)
    table[: len(names)] = np.arange(len(names))
    return LabelSet(
        names, table, things, colors=np.array(colors, np.uint8), void_colors=np.array(void, np.uint8).reshape(-1, 3)
    )


def ignored_colors(given: Any) -> list[tuple[int, int, int]]:
    if given is None:
        return []
    several = as_tuple(given)
    if several is None or (len(several) == 3 and all(map(is_integer, several))):
        several = (given,)
    return [as_color((color,) * 3 if is_integer(color) else color, "to ignore") for color in several]


def as_color(given: Any, what: str) -> tuple[int, int, int]:
    """(r, g, b) of such a sequence, or of '#rrggbb'; ``what`` is for the message of the ValueError."""
    if isinstance(given, str) and re.fullmatch("#[0-9a-fA-F]{6}", given):
        return int(given[1:3], 16), int(given[3:5], 16), int(given[5:], 16)
    channels = as_tuple(given)
    if channels is None or len(channels) != 3 or any(not is_integer(c) or not 0 <= c <= 255 for c in channels):
        raise ValueError(f"expected a color {what} as (r, g, b) from 0 to 255 or '#rrggbb', got {given!r}")
    red, green, blue = map(int, channels)
    return red, green, blue


def as_tuple(given: Any) -> tuple[Any, ...] | None:
    """Of a list or tuple; None for all else, text included."""
    return tuple(given) if isinstance(given, list | tuple) else None


def is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
