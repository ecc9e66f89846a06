"""The page that an adaptation ends with."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from slotcon_mm.adaptation.verdict import Verdict
from slotcon_mm.atomic_files import write_atomically
from slotcon_mm.checks import printable
from slotcon_mm.visualization.page_parts import STYLE, as_table, file_as_data_url, image_columns

__all__ = ["write_page"]

OWN_STYLE = """
.verdict { padding: .6rem 1rem; border-left: 6px solid #888; background: #f4f4f4; }
.verdict.helped { border-color: #2d8a4e; } .verdict.hurt { border-color: #b3362b; } pre { overflow-x: auto; }
"""
HANDED_BACK = {
    "adapted": "backbone.pth holds the adapted weights.",
    "best": "Training fell below the start and was stopped. backbone.pth holds the best weights before that.",
    "start": "Training fell below the start and was stopped. backbone.pth holds the weights that it started from.",
}


def write_page(
    path: Path,
    *,
    title: str,
    facts: Sequence[str],
    verdict: Verdict,
    handed_back: str,
    table: Sequence[Sequence[str]],
    curves: Sequence[Path],
    columns: Mapping[str, Sequence[np.ndarray]],
    prototypes: Path | None,
    commands: Sequence[str],
) -> None:
    """One HTML file.

    Args:
        path: Of the file.
        title: Of the page.
        facts: What was done, a sentence each.
        verdict: Of before and after.
        handed_back: Which weights ``backbone.pth`` holds: ``adapted``, ``best`` or ``start``.
        table: A line of titles, and a row for each weights.
        curves: Images of curves; those that are not there are left out.
        columns: Named images (H, W, 3) uint8 RGB, side by side.
        prototypes: The contact sheet of the page of prototypes, which lies beside it.
        commands: That go on from here.
    """
    kind = {True: "helped", False: "hurt", None: "open"}[verdict.helped]
    sentences = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in verdict.sentences)
    parts = [
        f"<h1>{html.escape(printable(title))}</h1><p>{html.escape(printable(' '.join(facts)))}</p>",
        f"<div class='verdict {kind}'><h2>{html.escape(verdict.headline)}</h2>{sentences}"
        f"<p><b>{HANDED_BACK[handed_back]}</b></p></div>",
        f"<h2>Before and after</h2>{as_table(table)}" if table else "",
        *(
            f"<img class='curves' src='{file_as_data_url(curve)}' alt='{curve.stem}'>"
            for curve in curves
            if curve.is_file()
        ),
        groups_section(columns),
        prototypes_section(prototypes, path.parent) if prototypes else "",
        f"<h2>Go on</h2><pre>{html.escape(printable_lines(commands))}</pre>",
    ]
    page = (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{html.escape(printable(title))}</title>"
        f"<style>{STYLE}{OWN_STYLE}</style>{''.join(parts)}</html>"
    )
    write_atomically(str(path), page.encode())


def groups_section(columns: Mapping[str, Sequence[np.ndarray]]) -> str:
    return (
        "<h2>What the features tell apart</h2><p>Twelve clusters of each network's features, over these images; colors "
        f"of the columns have nothing to do with one another.</p>{image_columns(columns)}"
    )


def prototypes_section(sheet: Path, folder: Path) -> str:
    link = html.escape(os.path.relpath(sheet.parent / "index.html", folder))
    return (
        "<h2>Prototypes</h2><p>What training has learned to group, most used first. "
        f"<a href='{link}'>All of them, to be given names</a></p>"
        f"<img class='curves' src='{file_as_data_url(sheet)}' alt='prototypes'>"
    )


def printable_lines(lines: Sequence[str]) -> str:
    return "\n".join(printable(line) for line in lines)
