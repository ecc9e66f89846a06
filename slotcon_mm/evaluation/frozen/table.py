"""The table of an evaluation: a row for each weights, as text, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from slotcon_mm.atomic_files import write_atomically
from slotcon_mm.evaluation.frozen.measures import MEASURES
from slotcon_mm.evaluation.frozen.scorers import Score
from slotcon_mm.evaluation.transfer_table import spread

__all__ = [
    "Row", "aligned", "as_csv", "as_json", "as_markdown", "as_text", "cell", "cells_of", "markdown", "number",
    "write_forms", "write_tables",
]  # fmt: skip


class Row(NamedTuple):
    """``name`` of the weights, and of each measure a score for each seed; ``size``: of images in the network.

    ``origin`` says whose weights they are: a file may hold teacher and student.
    """

    name: str
    size: int
    scores: Mapping[str, Sequence[Score]]
    origin: str = ""

    def percent(self, measure: str) -> list[float]:
        return [100 * score.value for score in self.scores[measure]]


def as_text(rows: Sequence[Row]) -> str:
    """Aligned columns, and below whose weights were measured."""
    origins = [f"{row.name}: {row.origin}\n" for row in rows if row.origin]
    return aligned(cells_of(rows)) + "".join(origins)


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """A head and lines below a rule, as columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    found = [
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))])
        for line in lines
    ]
    return "\n".join([found[0], "  ".join("-" * width for width in widths), *found[1:]]) + "\n"


def as_markdown(rows: Sequence[Row]) -> str:
    """The best of each column is bold."""
    head, *lines = cells_of(rows)
    first = len(head) - len(measures_of(rows))
    for column, measure in enumerate(measures_of(rows), start=first):
        means = [mean_of(row.percent(measure)) for row in rows]
        if len(rows) > 1 and not all(map(math.isnan, means)):
            best = max(range(len(rows)), key=lambda i: -math.inf if math.isnan(means[i]) else means[i])
            lines[best][column] = f"**{lines[best][column]}**"
    return markdown([head, *lines])


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """A head and lines as a table of Markdown."""
    table = [lines[0], ["---"] + ["---:"] * (len(lines[0]) - 1), *lines[1:]]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in table)


def as_csv(rows: Sequence[Row], seeds: Sequence[int]) -> str:
    """A line a number, in %."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["weights", "size", "measure", "seed", "percent"])
    for row in rows:
        for measure in row.scores:
            values = zip(seeds, row.percent(measure), strict=True)
            writer.writerows([row.name, row.size, measure, seed, repr(value)] for seed, value in values)
    return file.getvalue()


def as_json(rows: Sequence[Row], protocol: Mapping[str, Any], classes: Sequence[str]) -> str:
    """All numbers in %, by class too, with every choice that moves them; null where there is none."""
    found = [
        dict(
            weights=row.name,
            origin=row.origin or None,
            size=row.size,
            measures={
                measure: dict(
                    values=[number(value) for value in row.percent(measure)],
                    by_class=[
                        {name: number(100 * iou) for name, iou in zip(classes, score.classes, strict=True)}
                        for score in scores
                        if score.classes
                    ],
                )
                for measure, scores in row.scores.items()
            },
        )
        for row in rows
    ]
    return json.dumps(dict(protocol=dict(protocol), rows=found), indent=1, allow_nan=False) + "\n"


def write_tables(
    rows: Sequence[Row], folder: Path, protocol: Mapping[str, Any], classes: Sequence[str], seeds: Sequence[int]
) -> None:
    """``evaluation.txt``, ``.md``, ``.csv`` and ``.json``."""
    write_forms(
        folder, txt=as_text(rows), md=as_markdown(rows), csv=as_csv(rows, seeds), json=as_json(rows, protocol, classes)
    )


def write_forms(folder: Path, **texts: str) -> None:
    """A file ``evaluation.ENDING`` for each ending."""
    folder.mkdir(parents=True, exist_ok=True)
    for ending, text in texts.items():
        write_atomically(str(folder / f"evaluation.{ending}"), text.encode())


def cells_of(rows: Sequence[Row]) -> list[list[str]]:
    """A line of titles, and a line for each weights, with the size of images where it differs; nothing of none."""
    if not rows:
        return []
    measures = measures_of(rows)
    has_sizes = len({row.size for row in rows}) > 1
    head = ["weights, in %", *["size"] * has_sizes, *(MEASURES[measure].title for measure in measures)]
    lines = [
        [row.name, *[str(row.size)] * has_sizes, *(cell(row.percent(measure)) for measure in measures)] for row in rows
    ]
    return [head, *lines]


def measures_of(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(measure for row in rows for measure in row.scores))


def cell(values: Sequence[float]) -> str:
    return "-" if any(map(math.isnan, values)) else spread(values)


def mean_of(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def number(value: float) -> float | None:
    return None if math.isnan(value) else value
