"""What a few of many images tell about all: whether they are label maps, have several pages, use fewer than 16 bits."""

from __future__ import annotations

import mmap
import os
from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from slotcon_mm.checks import printable
from slotcon_mm.datasets.image_files import UnreadableImageError, highest_value, image_bytes
from slotcon_mm.datasets.tiff_header import read_tiff_header

__all__ = ["expect_known_bit_depth", "too_dark", "unknown_bit_depth", "what_is_odd"]

T = TypeVar("T")

PNG, TIFF, DEEP = (".png",), (".tif", ".tiff"), (".png", ".tif", ".tiff", ".ppm", ".pgm", ".pnm")
HEADER = 33  # bytes: PNG's signature and its first chunk
PALETTE = 3  # a PNG's color type
FOLDERS, EACH, TIFFS, DECODED = 32, 5, 64, 16
# of a PNG, bytes a pixel: photographs take 0.3 and more, label maps 0.01 to 0.05
FLAT = 0.08


def what_is_odd(paths: Sequence[str]) -> list[str]:
    """Lines for the log about images of a folder; headers of some PNG and TIFF files are read."""
    few_kinds = ending_in(PNG + TIFF, paths)
    return [line for line in (label_maps_among(few_kinds), pages_among(few_kinds)) if line]


def label_maps_among(paths: Sequence[str]) -> str:
    by_folder = defaultdict(list)
    for path in ending_in(PNG, paths):
        by_folder[os.path.dirname(path)].append(path)
    found = [
        folder
        for folder in spread(sorted(by_folder), FOLDERS)
        if are_mostly_label_maps(spread(by_folder[folder], EACH))
    ]
    if not found:
        return ""
    return (
        f"most PNG files in {printable(found[0])}{f' and {len(found) - 1} other folders' if len(found) > 1 else ''} "
        "look like label maps (a palette, or flat areas). If they are, leave them out: choose the folders of images "
        "(train_dataloader.dataset.folders in pretraining), or move the label maps elsewhere"
    )


def are_mostly_label_maps(paths: Sequence[str]) -> bool:
    return 2 * sum(map(looks_like_label_map, paths)) > len(paths)


def looks_like_label_map(path: str) -> bool:
    """A PNG with a palette, or too few bytes for a photograph of its size."""
    try:
        with open(path, "rb") as file:
            header, size = file.read(HEADER), os.fstat(file.fileno()).st_size
    except OSError:  # said by what reads it
        return False
    if len(header) < HEADER or not header.startswith(b"\x89PNG"):
        return False
    width, height = int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")
    return header[25] == PALETTE or size < FLAT * width * height


def pages_among(paths: Sequence[str]) -> str:
    looked_at = spread(ending_in(TIFF, paths), TIFFS)
    found = [path for path in looked_at if has_more_pages(path)]
    if not found:
        return ""
    return (
        f"{len(found)} of {len(looked_at)} TIFF files looked at have several pages, {printable(found[0])} for one: the "
        "first page of each is read. Save the others as files of their own to have them read"
    )


def has_more_pages(path: str) -> bool:
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            header = read_tiff_header(content)
    except (OSError, ValueError):  # ValueError: an empty file
        return False
    return header is not None and header.has_more_pages


def expect_known_bit_depth(paths: Sequence[str], bit_depth: int | None, fix: str) -> None:
    """Refuses 16-bit images that seem to use fewer bits, unless ``bit_depth`` says how many; some are read.

    Raises:
        ValueError: No value among them needs the 16th bit; ``fix`` is where to say what they need.
    """
    if reason := unknown_bit_depth(paths, bit_depth):
        raise ValueError(f"{reason}. {fix}")


def unknown_bit_depth(paths: Sequence[str], bit_depth: int | None) -> str:
    """Why 16-bit images among these would be dark, if they would; some are read."""
    if bit_depth is not None:
        return ""
    return too_dark(highest_values(spread(ending_in(DEEP, paths), DECODED)))


def highest_values(paths: Sequence[str]) -> list[int]:
    """Of the files that hold 16 bits and do not say how many are used."""
    found = []
    for path in paths:
        try:
            found.append(highest_value(image_bytes(path), path))
        except UnreadableImageError:  # said by what reads it for good
            continue
    return [value for value in found if value]


def too_dark(values: Sequence[int]) -> str:
    """What is odd about these highest values of 16-bit images; empty where one of them needs 16 bits."""
    if not values or max(values) >= 2**15:
        return ""
    needed = max(8, max(values).bit_length())
    return (
        f"expected 16-bit images to use their 16 bits, got {max(values)} as the highest value of {len(values)} looked "
        f"at: read as they are, they would be dark. Say with bit_depth how many bits they use, {needed} or more (16 if "
        "they are dark indeed)"
    )


def ending_in(endings: tuple[str, ...], paths: Sequence[str]) -> list[str]:
    spellings = tuple(f(ending) for ending in endings for f in (str.lower, str.upper, str.title))
    return [path for path in paths if path.endswith(spellings)]  # of a million paths: no work on each but this


def spread(items: Sequence[T], most: int) -> list[T]:
    """``most`` of them, from the first to the last; all where there are no more."""
    if len(items) <= most:
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, most).astype(int)]
