"""What pages of results share: style, tables, images that are part of the file."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

__all__ = ["STYLE", "as_data_url", "as_table", "file_as_data_url", "image_columns"]

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1120px; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { padding: .3rem .9rem; border-bottom: 1px solid #ddd; }
td:not(:first-child), th:not(:first-child) { text-align: right; } tr.main { font-weight: bold; background: #f3f7ff; }
.images { display: grid; gap: 6px; margin: 1rem 0; } .images img { width: 100%; display: block; }
.images div { text-align: center; font-weight: bold; } .curves { max-width: 100%; }
"""


def as_table(lines: Sequence[Sequence[str]]) -> str:
    """The first line is the head."""
    kinds = ["th", *("td" for _ in lines[1:])]
    rows = (
        "".join(f"<{kind}>{html.escape(cell)}</{kind}>" for cell in line)
        for kind, line in zip(kinds, lines, strict=True)
    )
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


def as_data_url(image: np.ndarray) -> str:
    encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def image_columns(columns: Mapping[str, Sequence[np.ndarray]]) -> str:
    """Named columns of images (H, W, 3) uint8 RGB, side by side."""
    heads = "".join(f"<div>{html.escape(name)}</div>" for name in columns)
    cells = "".join(
        f"<img src='{as_data_url(image)}' alt='{html.escape(name)}'>"
        for images in zip(*columns.values(), strict=True)
        for name, image in zip(columns, images, strict=True)
    )
    return f"<div class='images' style='grid-template-columns: repeat({len(columns)}, 1fr)'>{heads}{cells}</div>"


def file_as_data_url(png: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(png.read_bytes()).decode()
