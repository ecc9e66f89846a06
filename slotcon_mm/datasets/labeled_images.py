"""Images in memory, with labels where there are some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from slotcon_mm.datasets.image_files import read_image
from slotcon_mm.datasets.image_lists import list_images
from slotcon_mm.datasets.image_samples import expect_known_bit_depth, spread
from slotcon_mm.datasets.label_map_dataset import LabelMapDataset
from slotcon_mm.datasets.transforms.evaluation_transforms import LoadLabels
from slotcon_mm.datasets.transforms.load_image import LoadImage

__all__ = ["LabeledImages", "read_labeled", "read_samples", "read_unlabeled"]


class LabeledImages(NamedTuple):
    """``images`` (N, H, W, 3) uint8 RGB; ``labels`` (N, H, W) uint8, or None."""

    images: np.ndarray
    labels: np.ndarray | None

    def samples(self) -> list[dict[str, np.ndarray]]:
        """As a dataset's: ``img`` and ``gt_sem_seg``."""
        assert self.labels is not None
        return [dict(img=image, gt_sem_seg=label) for image, label in zip(self.images, self.labels, strict=True)]


def read_labeled(
    root: Path, split: str, count: int, *, label_set: str | Mapping[str, Any] = "scenes",
    size: tuple[int, int] | None = None,
) -> LabeledImages:  # fmt: skip
    """The first images of a split that have a label map.

    Args:
        root: A folder in COCO's layout: images in ``SPLIT/``, their label maps at the same places in
            ``stuffthingmaps/SPLIT/``.
        split: ``train2017`` or ``val2017``.
        count: At most so many.
        label_set: As ``LabelMapDataset`` takes it.
        size: Width and height that the middle is cut to; None: the images are of one size and stay as they are.

    Raises:
        ValueError: No image has a label map, or a map cannot be read or is of another set or size.
    """
    dataset = LabelMapDataset(
        str(root),
        dict(img_path=split, seg_map_path=f"stuffthingmaps/{split}"),
        label_set,
        pipeline=[LoadImage(exif=False), LoadLabels()],  # label maps are of the pixels as stored
    )
    return read_samples(dataset, range(min(count, len(dataset))), size=size)


def read_samples(
    dataset: LabelMapDataset, positions: Sequence[int], *, size: tuple[int, int] | None = None
) -> LabeledImages:
    """Those at ``positions`` of a dataset whose pipeline ends in ``LoadLabels``; the rest is as in ``read_labeled``."""
    images, labels = [], []
    for position in positions:
        sample = dataset[position]
        image, classes = sample["img"], sample["gt_sem_seg"]
        images.append(cut_middle(image, *size) if size else image)
        labels.append(cut_middle(classes, *size, labels=True) if size else classes)
    if len({image.shape for image in images}) > 1:
        odd = next(i for i, image in enumerate(images) if image.shape != images[0].shape)
        raise ValueError(
            f"expected images of one size without size=(width, height) that they are cut to, got {images[0].shape[:2]} "
            f"and {images[odd].shape[:2]} in {dataset.get_data_info(positions[odd])['img_path']}"
        )
    return LabeledImages(np.stack(images), np.stack(labels))


def read_unlabeled(
    root: Path, count: int, *, width: int = 256, height: int = 192, bit_depth: int | None = None
) -> LabeledImages:
    """Images spread over a folder, their middle cut to the report's size."""
    paths = list_images(root)
    chosen = spread(paths, count)
    expect_known_bit_depth(chosen, bit_depth, "Pass --bit-depth BITS")
    images = [cut_middle(read_image(path, bit_depth=bit_depth), width, height) for path in chosen]
    return LabeledImages(np.stack(images), None)


def cut_middle(image: np.ndarray, width: int, height: int, *, labels: bool = False) -> np.ndarray:
    scale = max(width / image.shape[1], height / image.shape[0])
    size = (max(width, round(image.shape[1] * scale)), max(height, round(image.shape[0] * scale)))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(image, size, interpolation=cv2.INTER_NEAREST_EXACT if labels else smooth)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return resized[top : top + height, left : left + width]
