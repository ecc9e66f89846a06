"""Pictures in memory, with labels where there are some."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from slotcon_mm.datasets.load_picture import read_picture
from slotcon_mm.datasets.picture_folder import list_pictures

__all__ = ["LabelledPictures", "read_labelled", "read_unlabelled"]


class LabelledPictures(NamedTuple):
    """``images`` (N, H, W, 3) uint8 RGB; ``labels`` (N, H, W) uint8, or None."""

    images: np.ndarray
    labels: np.ndarray | None


def read_labelled(root: Path, split: str, count: int) -> LabelledPictures:
    """The first pictures of a split and their label maps."""
    paths = [Path(path) for path in list_pictures(root, [split])[:count]]
    maps = [root / "stuffthingmaps" / split / f"{path.stem}.png" for path in paths]
    labels = [np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)) for path in maps]
    return LabelledPictures(np.stack([read_picture(str(path)) for path in paths]), np.stack(labels))


def read_unlabelled(root: Path, count: int, *, width: int = 256, height: int = 192) -> LabelledPictures:
    """Pictures spread over a folder, their middle cut to the report's size."""
    paths = list_pictures(root)
    chosen = [paths[i] for i in np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)]
    return LabelledPictures(np.stack([cut_middle(read_picture(path), width, height) for path in chosen]), None)


def cut_middle(image: np.ndarray, width: int, height: int) -> np.ndarray:
    scale = max(width / image.shape[1], height / image.shape[0])
    size = (max(width, round(image.shape[1] * scale)), max(height, round(image.shape[0] * scale)))
    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return resized[top : top + height, left : left + width]
