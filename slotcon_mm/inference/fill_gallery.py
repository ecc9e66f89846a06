"""A dataset's images into a gallery, a batch at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from slotcon_mm.checks import expect_positive
from slotcon_mm.datasets.image_files import read_image
from slotcon_mm.datasets.image_lists import list_images
from slotcon_mm.datasets.image_samples import expect_known_bit_depth, spread
from slotcon_mm.datasets.label_sources import LabelSource, open_labels
from slotcon_mm.datasets.orientations import turned_images
from slotcon_mm.datasets.transforms.evaluation_transforms import CenterCrop, LoadLabels, ResizeShortSide
from slotcon_mm.evaluation.matching import confusion_matrix
from slotcon_mm.models.algorithms.grouping_algorithm import GroupingAlgorithm
from slotcon_mm.models.fitting_sizes import group_at_fitting_size
from slotcon_mm.models.functional import upsampled_argmax
from slotcon_mm.visualization.gallery import Gallery

__all__ = ["fill_gallery", "read_square"]


class Squares(Dataset):
    """Middle squares of images, with labels where there are some; what cannot be read comes as its message."""

    def __init__(
        self, folder: str, size: int, labels: LabelSource | None, most: int | None, bit_depth: int | None
    ) -> None:
        paths = labels.images_among(list_images(folder), folder) if labels else list_images(folder)
        self.paths, self.folder, self.size = spread(paths, most or len(paths)), folder, size
        self.labels, self.bit_depth = labels, bit_depth
        if labels and not any(labels.of(path, folder) for path in paths):
            raise ValueError(
                f"expected labels of the images below {folder} in {labels.labels}, got none for {paths[0]} and "
                f"{len(paths) - 1} others: they lie at the same places, or the JSON lists them by their paths"
            )
        if labels and (turned := turned_images(len(self.paths), self.paths.__getitem__)):
            print_log(turned, logger="current", level=30)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, Any]:
        path = self.paths[index]
        try:
            found = dict(img=read_image(path, exif=self.labels is None, bit_depth=self.bit_depth), img_path=path)
            if self.labels and (labels := self.labels.of(path, self.folder)):
                found = LoadLabels().transform({**found, **labels})
            return dict(cut(found, self.size), path=path)
        except ValueError as error:
            return dict(path=path, error=str(error))


def cut(found: dict[str, Any], size: int) -> dict[str, Any]:
    return CenterCrop(size).transform(ResizeShortSide(size).transform(found))


def read_square(path: str, size: int, *, exif: bool = True, bit_depth: int | None = None) -> np.ndarray:
    """The part of an image that was grouped; ``exif=False`` where there were labels."""
    return cut(dict(img=read_image(path, exif=exif, bit_depth=bit_depth)), size)["img"]


@torch.no_grad()
def fill_gallery(
    model: GroupingAlgorithm, folder: str, *, top: int, size: int, batch_size: int, workers: int,
    labels: str | None = None, label_set: str | Mapping[str, Any] | None = None, image_suffix: str = "",
    label_suffix: str = ".png", most: int | None = None, bit_depth: int | None = None,
    views: tuple[int, int] | None = None,
) -> tuple[Gallery, list[str]]:  # fmt: skip
    """The gallery of a folder's images, and what was said of those that cannot be read.

    Args:
        model: In evaluation mode.
        folder: Images, nested or not.
        top: Occurrences of each prototype.
        size: Of the middle square, in pixels.
        batch_size: Images at once.
        workers: Processes that read.
        labels: Folder of label maps, or JSON of instances, as ``open_labels`` takes them, like what follows.
        label_set: What the values of label maps mean.
        image_suffix: End of an image's name that its label map has not.
        label_suffix: What the label map's name has in its place.
        most: Images, spread evenly over the folder's sorted list; None: all.
        bit_depth: Of ``LoadImage``.
        views: Height and width of the training's views, for networks that take no other size; by default the square's.
    """
    expect_positive(top=top, size=size, batch_size=batch_size)
    source = open_labels(labels, label_set, image_suffix, label_suffix) if labels else None
    K = model.neck.num_prototypes
    gallery = Gallery(K, top, source.label_set.names if source else ())
    squares = Squares(folder, size, source, most, bit_depth)
    expect_known_bit_depth(squares.paths, bit_depth, "Pass --bit-depth BITS")
    loader = DataLoader(squares, batch_size, num_workers=workers, collate_fn=list)
    unreadable: list[str] = []
    device = next(model.parameters()).device
    with tqdm(total=len(loader.dataset), desc="images") as bar:  # type: ignore[arg-type]
        for batch in loader:
            unreadable += [item["error"] for item in batch if "error" in item]
            read = [item for item in batch if "error" not in item]
            bar.update(len(batch))
            if not read:
                continue
            images = torch.from_numpy(np.stack([item["img"] for item in read])).permute(0, 3, 1, 2).to(device)
            normalized = model.data_preprocessor(dict(inputs=images))["inputs"]
            scores = group_at_fitting_size(model, normalized, views or (size, size)).scores
            for item, scores_Khw in zip(read, scores.cpu(), strict=True):
                gallery.add(item["path"], scores_Khw.numpy())
                if "gt_sem_seg" in item:
                    groups = upsampled_argmax(scores_Khw[None], item["gt_sem_seg"].shape)[0].numpy()
                    gallery.confusion_KC += confusion_matrix(groups, item["gt_sem_seg"], *gallery.confusion_KC.shape)
    return gallery, unreadable
