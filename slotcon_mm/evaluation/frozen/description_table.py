"""The table of networks described without labels: as text, Markdown, CSV and JSON, with what it does not tell."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from slotcon_mm.evaluation.frozen.describe import Description
from slotcon_mm.evaluation.frozen.table import aligned, cell, markdown, number, write_forms

__all__ = [
    "DescribedRow", "as_csv", "as_json", "as_markdown", "as_text", "cells_of", "statement", "write_descriptions",
]  # fmt: skip


class DescribedRow(NamedTuple):
    """``name`` of the weights, ``size`` of images in the network, and a description for each seed."""

    name: str
    size: int
    descriptions: Sequence[Description]


class Column(NamedTuple):
    """``title``, the ``value`` of a description, and the ``most`` that it can be, where that is not 100 %."""

    title: str
    value: Callable[[Description], float]
    most: Callable[[Description], int] | None = None

    def cell(self, row: DescribedRow) -> str:
        found = cell([self.value(one) for one in row.descriptions])
        return found if self.most is None or found == "-" else f"{found} of {self.most(row.descriptions[0])}"


COLUMNS = {
    "rank": Column("feature rank", lambda found: found.rank, lambda found: found.full_rank),
    "agreement": Column("same neighbor, in %", lambda found: 100 * found.agreement),
    "used_prototypes": Column("prototypes in use", lambda found: found.used_prototypes, lambda found: found.prototypes),
    "prototypes_an_image": Column("an image uses", lambda found: found.prototypes_an_image),
}


def as_text(rows: Sequence[DescribedRow]) -> str:
    """Aligned columns, and the statement."""
    return f"{aligned(cells_of(rows))}\n{statement(rows)}\n" if rows else ""


def as_markdown(rows: Sequence[DescribedRow]) -> str:
    """No number is the best: more is not better."""
    return f"{markdown(cells_of(rows))}\n{statement(rows)}\n"


def statement(rows: Sequence[DescribedRow]) -> str:
    """What the numbers are worth, and how to know more."""
    images = max(found.images for row in rows for found in row.descriptions)
    chances = [f"{100 * found.chance:.2g}" for row in rows for found in row.descriptions]
    low, high = min(chances, key=float), max(chances, key=float)
    return (
        f"Measured on {images} image{'s' * (images > 1)} without labels; of neighbors drawn at random, "
        f"{low if low == high else f'{low} to {high}'} % would be the same.\n"
        "These numbers also rise for reasons that do not help. Compare one network before and after a training by "
        "them, never\ndifferent networks.\n"
        "Labels tell more: with --labels FOLDER_OR_JSON and --classes FILE for some of the images, this command "
        "measures what\nfeatures are worth (configs/evaluation/README.md)."
    )


def as_csv(rows: Sequence[DescribedRow], seeds: Sequence[int]) -> str:
    """A line a number; ``same neighbor`` and its chance in %."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["weights", "size", "measure", "seed", "value", "most"])
    for row in rows:
        for name, column in COLUMNS.items():
            for seed, found in zip(seeds, row.descriptions, strict=True):
                most = "" if column.most is None else column.most(found)
                writer.writerow([row.name, row.size, name, seed, repr(column.value(found)), most])
    return file.getvalue()


def as_json(rows: Sequence[DescribedRow], protocol: Mapping[str, Any]) -> str:
    """All numbers, with every choice that moves them; null where there is none."""
    found = [
        dict(
            weights=row.name,
            size=row.size,
            measures={
                name: [number(column.value(one)) for one in row.descriptions] for name, column in COLUMNS.items()
            },
            full_rank=row.descriptions[0].full_rank,
            prototypes=row.descriptions[0].prototypes,
            chance=[100 * one.chance for one in row.descriptions],
        )
        for row in rows
    ]
    content = dict(protocol=dict(protocol), statement=statement(rows), rows=found)
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def write_descriptions(
    rows: Sequence[DescribedRow], folder: Path, protocol: Mapping[str, Any], seeds: Sequence[int]
) -> None:
    """``evaluation.txt``, ``.md``, ``.csv`` and ``.json``."""
    write_forms(folder, txt=as_text(rows), md=as_markdown(rows), csv=as_csv(rows, seeds), json=as_json(rows, protocol))


def cells_of(rows: Sequence[DescribedRow]) -> list[list[str]]:
    """A line of titles, and a line for each weights, with the size of images where it differs."""
    has_sizes = len({row.size for row in rows}) > 1
    head = ["weights, without labels", *["size"] * has_sizes, *(column.title for column in COLUMNS.values())]
    return [
        head,
        *([row.name, *[str(row.size)] * has_sizes, *(c.cell(row) for c in COLUMNS.values())] for row in rows),
    ]
