"""A gallery as a folder to browse: thumbnails, ``index.html`` with fields for names, and one contact sheet."""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from slotcon_mm.checks import printable
from slotcon_mm.visualization.gallery import Gallery, Occurrence
from slotcon_mm.visualization.names_form import FORM_STYLE, form, name_field, script
from slotcon_mm.visualization.overlay import color_of

__all__ = ["mark_region", "write_gallery"]

THUMBNAIL = 112
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 1180px; margin: 2rem auto; padding: 0 1rem; color: #222; }
section { display: grid; grid-template-columns: 190px 1fr; gap: 12px; padding: 10px 0; border-top: 1px solid #ddd; }
section div { display: flex; flex-wrap: wrap; gap: 4px; } h2 { font-size: 1rem; margin: 0; }
h2 span { display: inline-block; width: .9em; height: .9em; margin-right: .4em; vertical-align: -.1em; }
p { margin: .2rem 0; } img { width: 112px; height: 112px; display: block; } nav { columns: 12; margin: 1rem 0; }
"""


def write_gallery(
    gallery: Gallery, folder: Path, *, read: Callable[[str], np.ndarray], class_names: Sequence[str] = (), title: str,
    fingerprint: str, names: Mapping[int, str], sheet_rows: int = 40,
) -> Path:  # fmt: skip
    """Writes the folder, with the contact sheet as ``sheet.png``; returns the page's path.

    Args:
        gallery: What to show.
        folder: Made if it is not there.
        read: An image's path to the square (S, S, 3) uint8 RGB that was grouped.
        class_names: Of labels.
        title: Of the page.
        fingerprint: Of the weights; under it the browser keeps the names that are typed.
        names: What the prototypes' fields start with.
        sheet_rows: Prototypes on the sheet: those that are used most.
    """
    (folder / "thumbnails").mkdir(parents=True, exist_ok=True)
    sections: list[str] = []
    rows: list[np.ndarray] = []
    for prototype in gallery.by_usage():
        thumbnails = [thumbnail(read(found.path), found, prototype) for found in gallery.of(prototype)]
        for number, image in enumerate(thumbnails):
            write_image(folder / "thumbnails" / f"{prototype}-{number}.jpg", image)
        sections.append(section(gallery, prototype, class_names, names.get(prototype, "")))
        if len(rows) < sheet_rows:
            blank = [np.full_like(thumbnails[0], 255)] * (gallery.top - len(thumbnails))
            rows.append(np.concatenate([label_cell(prototype), *thumbnails, *blank], axis=1))
    page = folder / "index.html"
    links = " ".join(f"<a href='#p{prototype}'>{prototype}</a><br>" for prototype in sorted(gallery.by_usage()))
    summary = (
        f"{gallery.seen} images; {len(sections)} of {len(gallery.best)} prototypes are in use. Shown are the "
        "images whose region has the highest mean cosine with the prototype, the rest of the image dimmed."
    )
    page.write_text(
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{html.escape(printable(title))}</title>"
        f"<style>{STYLE}{FORM_STYLE}</style><h1>{html.escape(printable(title))}</h1><p>{summary}</p><nav>{links}</nav>"
        f"{form()}{''.join(sections)}{script(names, len(gallery.best), fingerprint)}</html>",
        encoding="utf-8",
    )
    if rows:
        write_image(folder / "sheet.png", np.concatenate(rows))
    return page


def section(gallery: Gallery, prototype: int, class_names: Sequence[str], name: str) -> str:
    color = "#" + bytes(color_of(prototype)).hex()
    share = gallery.pixels_K[prototype] / gallery.pixels_K.sum()
    lines = [f"{100 * share:.2f} % of pixels", f"in {gallery.images_K[prototype]} images"]
    purity = gallery.purity(prototype)
    if purity:
        lines.append(f"{100 * purity[1]:.0f} % {html.escape(class_names[purity[0]])}")
    images = "".join(
        f"<img loading='lazy' src='thumbnails/{prototype}-{number}.jpg' title='{html.escape(caption(found))}' "
        f"alt='{html.escape(caption(found))}'>"
        for number, found in enumerate(gallery.of(prototype))
    )
    text = "".join(f"<p>{line}</p>" for line in lines)
    head = f"<h2><span style='background:{color}'></span>prototype {prototype}</h2>"
    aside = f"<aside>{head}{name_field(prototype, name)}{text}</aside>"
    return f"<section id='p{prototype}'>{aside}<div>{images}</div></section>"


def caption(found: Occurrence) -> str:
    return f"{printable(os.path.basename(found.path))}, cosine {found.score:.2f}"


def thumbnail(image: np.ndarray, found: Occurrence, prototype: int) -> np.ndarray:
    small = cv2.resize(image, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return mark_region(small, found.region, color_of(prototype))


def mark_region(image_HW3: np.ndarray, region_hw: np.ndarray, color_3: np.ndarray) -> np.ndarray:
    """The image with all but the region dimmed, and a line of the color around it."""
    height, width = image_HW3.shape[:2]
    soft = cv2.resize(region_hw.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    inside = (soft >= 0.5).astype(np.uint8)
    marked = np.where(inside[..., None], image_HW3, 0.35 * image_HW3 + 40).astype(np.uint8)
    outlines = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    return cv2.drawContours(marked, outlines, -1, [int(value) for value in color_3], 2)


def label_cell(prototype: int) -> np.ndarray:
    cell = np.full((THUMBNAIL, THUMBNAIL, 3), 255, np.uint8)
    cell[:, -8:] = color_of(prototype)
    return cv2.putText(cell, str(prototype), (8, 64), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (30, 30, 30), 2)


def write_image(path: Path, image: np.ndarray) -> None:
    # not imwrite, which fails without a word on a full disk
    path.write_bytes(cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes())
