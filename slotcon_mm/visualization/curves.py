"""Curves of a run: numbers by step or epoch, as a drawing and as a table that a resumed run goes on with."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np

from slotcon_mm.atomic_files import write_atomically

matplotlib.use("Agg")
import matplotlib.pyplot as plt

__all__ = ["Curves", "append_curves", "read_curves", "write_curves"]

Curves = Mapping[str, tuple[Sequence[float], Sequence[float]]]  # of each name where it was measured, and the values
PLACE = "epoch"


def write_curves(path: Path, curves: Curves, *, across: str) -> None:
    """A PNG with a panel for each curve; ``across`` is what it runs over."""
    figure, axes = plt.subplots(1, len(curves), figsize=(3.6 * len(curves), 2.8), constrained_layout=True)
    for axis, (name, (places, values)) in zip(np.atleast_1d(axes), curves.items(), strict=True):
        axis.plot(places, values, linewidth=1, color="#3465a4", marker="o" if len(values) < 50 else None, markersize=3)
        axis.set_title(name.replace("_", " "))
        axis.set_xlabel(across)
        axis.grid(alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    plt.close(figure)
    write_atomically(str(path), buffer.getvalue())


def append_curves(path: Path, epoch: int, values: Mapping[str, float], *, anew: bool = False) -> Curves:
    """Adds a line to a table of scores by epoch, in place of those of this epoch and later, and returns the whole.

    With ``anew`` the line takes the place of all others.

    Raises:
        ValueError: The file is another table.
    """
    before = read_rows(path)
    rows = [row for row in before if int(row[PLACE]) < epoch and not anew]
    rows.append({PLACE: str(epoch), **{name: repr(value) for name, value in values.items()}})
    file = io.StringIO()
    writer = csv.DictWriter(file, [PLACE, *values], lineterminator="\n", extrasaction="ignore", restval="nan")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(str(path), file.getvalue().encode())
    return read_curves(path)


def read_curves(path: Path) -> Curves:
    """What ``append_curves`` wrote."""
    rows = read_rows(path)
    places = [float(row[PLACE]) for row in rows]
    names = [name for name in (rows[0] if rows else {}) if name != PLACE]
    return {name: (places, [float(row[name]) for row in rows]) for name in names}


def read_rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not all((row.get(PLACE) or "").isdecimal() for row in rows):
        raise ValueError(f"expected a table with the column '{PLACE}' in {path}, got another one: move it away")
    return rows
