"""What benchmarks read: the first pictures of a folder, and slotcon_mm's views of them."""

from __future__ import annotations

import sys
from typing import Any

from slotcon_mm.datasets.unlabeled_image_dataset import list_pictures

__all__ = ["first_pictures", "views_dataset"]


def first_pictures(folder: str, count: int) -> list[str]:
    """Paths; a folder without pictures ends the program in one line."""
    try:
        return list_pictures(folder)[:count]
    except ValueError as error:
        sys.exit(f"error: {error}")


def views_dataset(folder: str, size: int) -> dict[str, Any]:
    """The config of a data set that cuts two views of ``size`` pixels as pretraining does."""
    return dict(
        type="slotcon_mm.PictureFolder",
        data_root=folder,
        pipeline=[dict(type="slotcon_mm.LoadPicture"), dict(type="slotcon_mm.PairedViews", size=size)],
    )
