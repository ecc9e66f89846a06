"""One HTML file that shows a run: scores, curves, and images with their groups before and after."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from slotcon_mm.visualization import overlay_groups
from slotcon_mm.visualization.page_parts import STYLE, as_data_url, as_table, file_as_data_url, image_columns

__all__ = ["Row", "write_report"]


class Row(NamedTuple):
    """A line of the score table."""

    name: str
    mean_iou: float
    pixel_accuracy: float
    main: bool = False


def write_report(
    path: Path,
    *,
    title: str,
    summary: str,
    rows: Sequence[Row],
    note: str,
    columns: Mapping[str, Sequence[np.ndarray]],
    curves: Path,
    sheet: Path,
    features: Sequence[Sequence[str]] = (),
    transfer: Sequence[Sequence[str]] = (),
    transfer_note: str = "",
) -> None:
    """``columns`` are named lists of images (H, W, 3) uint8 RGB, shown side by side.

    ``sheet``: the image of the prototypes, whose page is beside it; ``features``: a line of titles and a row for each
    weights; ``transfer``: rows of benchmark, random, pretrained, difference.
    """
    table = "".join(
        f"<tr{' class=main' if row.main else ''}><td>{html.escape(row.name)}</td>"
        f"<td>{100 * row.mean_iou:.1f}</td><td>{100 * row.pixel_accuracy:.1f}</td></tr>"
        for row in rows
    )
    scores = f"<table><tr><th>groups</th><th>mIoU %</th><th>pixel accuracy %</th></tr>{table}</table>" if rows else ""
    frozen = features_section(features) if features else ""
    transferred = transfer_section(transfer, transfer_note) if transfer else ""
    prototypes = as_data_url(np.asarray(cv2.imread(str(sheet)))[..., ::-1])
    page = html.escape(os.path.relpath(sheet.parent / "index.html", path.parent))
    text = (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{html.escape(title)}</title>"
        f"<style>{STYLE}</style><h1>{html.escape(title)}</h1><p>{html.escape(summary)}</p>{scores}"
        f"<p>{html.escape(note)}</p>{frozen}{transferred}<h2>Groups</h2>"
        f"{image_columns(columns)}"
        f"<h2>Prototypes</h2><p>What those used most stand for: the images whose region fits each best. "
        f"<a href='{page}'>All of them</a></p><img class='curves' src='{prototypes}' alt='prototypes'>"
        f"<h2>Training</h2><img class='curves' src='{file_as_data_url(curves)}' alt='loss curves'></html>"
    )
    path.write_bytes(text.encode("utf-8", "backslashreplace"))  # names of files may have any bytes


def features_section(lines: Sequence[Sequence[str]]) -> str:
    note = (
        "mIoU in % of the frozen backbone's features: votes of the nearest labeled pixels, a linear probe, and "
        "clusters matched one to one with classes. tools/evaluate.py measures other weights and labels in this way."
    )
    return f"<h2>Features</h2>{as_table(lines)}<p>{note}</p>"


def transfer_section(rows: Sequence[Sequence[str]], note: str) -> str:
    table = as_table([("fine-tuning", "random", "pretrained", "difference"), *rows])
    return f"<h2>Transfer</h2>{table}<p>{html.escape(note)}</p>"


def overlays(images: np.ndarray, maps: np.ndarray) -> list[np.ndarray]:
    return [overlay_groups(image, groups) for image, groups in zip(images, maps, strict=True)]
