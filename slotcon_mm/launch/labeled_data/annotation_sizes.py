"""Annotations of turned images are found before a training puts their masks on the images as stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from slotcon_mm.checks import printable
from slotcon_mm.datasets.image_files import image_bytes, size_in_header
from slotcon_mm.datasets.image_samples import spread
from slotcon_mm.datasets.orientations import is_turned
from slotcon_mm.launch.labeled_data.coco_files import CocoFile

__all__ = ["expect_sizes_as_stored", "image_folder"]

TRIED = 512  # images whose headers are looked at: a second


def expect_sizes_as_stored(file: CocoFile, folder: Path) -> None:
    """ValueError where a file in COCO's format has width and height of an image as its EXIF orientation turns it.

    Images are read as stored (``read_as_stored``). mmdet (3.3.0) does not compare sizes, and boxes and masks then lie
    elsewhere. Of many images some are looked at, spread over the file.

    Args:
        file: That of a dataset.
        folder: Of its images.
    """
    turned = list(turned_annotations(file.images, folder))
    if turned:
        name, stated, stored = turned[0]
        raise ValueError(
            f"expected {file.name} to have the sizes of images as stored, by which labeled images are read, got "
            f"{stated[0]} x {stated[1]} for {printable(name)}, stored as {stored[0]} x {stored[1]} with an EXIF "
            f"orientation, and such for {len(turned)} of the images looked at: its boxes and masks are of the turned "
            "image. Turn the files themselves (exiftran -ai or mogrify -auto-orient, which also remove the "
            "orientation), and keep the annotations"
        )


def image_folder(dataset: Mapping[str, Any]) -> Path:
    """Of a dataset's config."""
    prefix = dataset.get("data_prefix") or {}
    return Path(dataset.get("data_root") or "", prefix.get("img") or prefix.get("img_path") or "")


def turned_annotations(images: list[Any], folder: Path) -> Iterator[tuple[str, tuple[int, int], tuple[int, int]]]:
    """Of those whose size is that of the turned image: name, and (width, height) in the file and as stored."""
    for image in spread(images, TRIED):
        name, stated = str(image.get("file_name")), (image.get("width"), image.get("height"))
        if is_turned(str(folder / name)):
            stored = size_in_header(image_bytes(str(folder / name)))
            if stated != stored and stated == stored[::-1]:
                yield name, stated, stored
