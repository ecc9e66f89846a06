"""Pictures in memory, with labels where there are some."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from slotcon_mm.datasets.label_sets import LABEL_SETS, LabelSet
from slotcon_mm.datasets.label_map_dataset import read_labels
from slotcon_mm.datasets.transforms.load_image import read_picture
from slotcon_mm.datasets.unlabeled_image_dataset import list_pictures

__all__ = ["LabelledPictures", "read_labelled", "read_unlabelled"]


class LabelledPictures(NamedTuple):
    """``images`` (N, H, W, 3) uint8 RGB; ``labels`` (N, H, W) uint8, or None."""

    images: np.ndarray
    labels: np.ndarray | None


def read_labelled(
    root: Path,
    split: str,
    count: int,
    *,
    label_set: LabelSet = LABEL_SETS["scenes"],
    size: tuple[int, int] | None = None,
) -> LabelledPictures:
    """The first pictures of a split that have a label map.

    Args:
        root: A folder in COCO's layout: pictures in ``SPLIT/``, their label maps in ``stuffthingmaps/SPLIT/*.png``.
        split: ``train2017`` or ``val2017``.
        count: At most so many.
        label_set: What the maps' values mean.
        size: Width and height that the middle is cut to; None: the pictures are of one size and stay as they are.

    Raises:
        ValueError: No picture has a label map, or a map cannot be read or is of another set.
    """
    maps = root / "stuffthingmaps" / split
    paths = [path for path in map(Path, list_pictures(root, [split])) if (maps / f"{path.stem}.png").is_file()][:count]
    if not paths:
        raise ValueError(f"expected label maps named as the pictures of {split} in {maps}, got none")
    images, labels = [], []
    for path in paths:
        image = read_picture(str(path), exif=False)  # label maps are of the pixels as stored
        classes = read_labels(str(maps / f"{path.stem}.png"), label_set)
        images.append(cut_middle(image, *size) if size else image)
        labels.append(cut_middle(classes, *size, labels=True) if size else classes)
    return LabelledPictures(np.stack(images), np.stack(labels))


def read_unlabelled(root: Path, count: int, *, width: int = 256, height: int = 192) -> LabelledPictures:
    """Pictures spread over a folder, their middle cut to the report's size."""
    paths = list_pictures(root)
    chosen = [paths[i] for i in np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)]
    return LabelledPictures(np.stack([cut_middle(read_picture(path), width, height) for path in chosen]), None)


def cut_middle(image: np.ndarray, width: int, height: int, *, labels: bool = False) -> np.ndarray:
    scale = max(width / image.shape[1], height / image.shape[0])
    size = (max(width, round(image.shape[1] * scale)), max(height, round(image.shape[0] * scale)))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(image, size, interpolation=cv2.INTER_NEAREST_EXACT if labels else smooth)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return resized[top : top + height, left : left + width]
