"""Tables of names, read in both directions.

A row pairs the name that a library gives to a tensor with ours, mmpretrain's where it has the network. Both are
templates: ``{i}`` stands for a number, ``*`` at the end for the name of a parameter or buffer (``weight``, ``bias``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from typing import NamedTuple

from torch import Tensor

__all__ = ["Change", "Family", "Naming", "Row", "ours_of", "same", "theirs_of"]

LEAVES = "weight|bias|running_mean|running_var|num_batches_tracked"


class Change(NamedTuple):
    """What a tensor undergoes besides its name, in both directions."""

    to_ours: Callable[[Tensor], Tensor]
    to_theirs: Callable[[Tensor], Tensor]


class Row(NamedTuple):
    theirs: str
    ours: str
    change: Change | None = None


class Naming(NamedTuple):
    """How a library names the tensors of a family.

    ``stem`` is its name for the first convolution's weight: by it a network is found in a file. ``eps`` is that of all
    layer norms of such networks, where there is one; ``pixels`` says whether they all see ImageNet's mean and std.
    """

    library: str
    stem: str
    rows: tuple[Row, ...]
    eps: float | None = None
    imagenet_pixels: bool = False


class Family(NamedTuple):
    """Networks that differ in size only, and every naming of them; ours is the first.

    Names of ours (regular expressions): ``optional`` may be missing in the network that is filled: a final norm, a
    class token; ``own`` may be missing in a file: norms of outputs that only detectors have, constants, a mask token.
    """

    name: str
    namings: tuple[Naming, ...]
    optional: str = r"$^"
    own: str = r"$^"


def same(library: str, stem: str, rows: Iterable[Row], eps: float | None = None) -> Naming:
    """Our own naming, of our names in other libraries' rows."""
    return Naming(library, stem, tuple(Row(ours, ours) for ours in dict.fromkeys(row.ours for row in rows)), eps)


def ours_of(naming: Naming, name: str) -> tuple[str, Row] | None:
    """Our name for a library's, and its row; None where the library has no such name."""
    return translated(naming.rows, name, backward=False)


def theirs_of(naming: Naming, name: str) -> tuple[str, Row] | None:
    """A library's name for ours."""
    return translated(naming.rows, name, backward=True)


@lru_cache(maxsize=65536)
def translated(rows: tuple[Row, ...], name: str, *, backward: bool) -> tuple[str, Row] | None:
    for row in rows:
        old, new = (row.ours, row.theirs) if backward else (row.theirs, row.ours)
        found = pattern(old).fullmatch(name)
        if found:
            return filled(new, found.groupdict()), row
    return None


@cache
def pattern(template: str) -> re.Pattern[str]:
    text = re.escape(template.removesuffix("*")).replace(r"\{", "{").replace(r"\}", "}")
    text = re.sub(r"{(\w)}", r"(?P<\1>\\d+)", text)
    return re.compile(text + (f"(?P<leaf>{LEAVES})" if template.endswith("*") else ""))


def filled(template: str, values: Mapping[str, str]) -> str:
    text = template.removesuffix("*") + (values["leaf"] if template.endswith("*") else "")
    return text.format(**values)
