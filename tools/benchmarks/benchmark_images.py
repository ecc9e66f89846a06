"""What benchmarks read: the first images of a folder, and slotcon_mm's views of them."""

from __future__ import annotations

import sys
from typing import Any

from slotcon_mm.datasets.image_lists import list_images

__all__ = ["first_images", "views_dataset"]


def first_images(folder: str, count: int) -> list[str]:
    """Paths; a folder without images ends the program in one line."""
    try:
        return list_images(folder)[:count]
    except ValueError as error:
        sys.exit(f"error: {error}")


def views_dataset(folder: str, size: int) -> dict[str, Any]:
    """The config of a dataset that cuts two views of ``size`` pixels as pretraining does."""
    return dict(
        type="slotcon_mm.UnlabeledImageDataset",
        data_root=folder,
        pipeline=[dict(type="slotcon_mm.LoadImage"), dict(type="slotcon_mm.PairedViews", size=size)],
    )
