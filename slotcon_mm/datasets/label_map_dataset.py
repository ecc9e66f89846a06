"""Pictures with label maps, to score groups on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from slotcon_mm.datasets.label_sets import LABEL_SETS, LabelSet, classes_of
from slotcon_mm.datasets.transforms.load_image import expect_sane_size, picture_bytes
from slotcon_mm.datasets.unlabeled_image_dataset import list_pictures
from slotcon_mm.registry import DATASETS

__all__ = ["LabelledFolder", "is_curated", "read_labels"]

CURATED_SIDE, CURATED_STUFF = 360, 0.75


@DATASETS.register_module()
class LabelledFolder(BaseDataset):
    """Pictures below a folder and, for each, a PNG at the same place below another.

    Args:
        data_root: Of both.
        pictures: Folder of pictures.
        labels: Folder of 8-bit label maps.
        label_set: A name of ``LABEL_SETS``: what the values mean.
        images: ``'all'``; ``'curated'``, the published rule for COCO-Stuff (IIC, used by PiCIE and STEGO: both sides at
            least 360 pixels, at least 75 % of all pixels stuff), found anew from the label maps; or a text file with a
            picture's name (without ending) a line.
        picture_suffix: End of a picture's name that its label map has not (``'_leftImg8bit'`` in Cityscapes).
        label_suffix: What the label map's name has in its place, with its ending.
        pipeline: Transforms.
        **kwargs: Of MMEngine's BaseDataset.
    """

    def __init__(
        self, data_root: str, pictures: str, labels: str, label_set: str, images: str = "all",
        picture_suffix: str = "", label_suffix: str = ".png", pipeline: Sequence[Any] = (), **kwargs: Any,
    ) -> None:  # fmt: skip
        if label_set not in LABEL_SETS:
            raise ValueError(f"expected a label set of {', '.join(LABEL_SETS)}, got {label_set}")
        self.pictures, self.labels, self.images = pictures, labels, images
        self.picture_suffix, self.label_suffix = picture_suffix, label_suffix
        self.label_set = LABEL_SETS[label_set]
        metainfo = dict(classes=self.label_set.names)
        super().__init__(data_root=data_root, metainfo=metainfo, pipeline=list(pipeline), **kwargs)
        self._metainfo["images"] = images  # given as metainfo it would be taken for a file of class names

    def load_data_list(self) -> list[dict[str, Any]]:
        paths = list_pictures(self.data_root, [self.pictures])
        pairs = [dict(img_path=path, seg_map_path=str(self.label_of(Path(path)))) for path in paths]
        labelled = [pair for pair in pairs if Path(pair["seg_map_path"]).is_file()]
        if not labelled:
            raise ValueError(f"expected label maps like {pairs[0]['seg_map_path']}, got none for {len(pairs)} pictures")
        if len(labelled) < len(pairs):
            print_log(f"{len(pairs) - len(labelled)} of {len(pairs)} pictures have no label map", logger="current")
        return self.choose(labelled)

    def label_of(self, picture: Path) -> Path:
        inside = picture.relative_to(Path(self.data_root) / self.pictures).parent
        name = picture.stem.removesuffix(self.picture_suffix) + self.label_suffix
        return Path(self.data_root) / self.labels / inside / name

    def choose(self, labelled: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if self.images == "all":
            return labelled
        if self.images == "curated":
            chosen = [pair for pair in labelled if is_curated(read_labels(pair["seg_map_path"], self.label_set), self)]
        else:
            names = set(Path(self.images).read_text().split())
            chosen = [pair for pair in labelled if Path(pair["img_path"]).stem in names]
        if not chosen:
            raise ValueError(f"expected pictures for images={self.images!r}, got none of {len(labelled)}")
        return chosen


def is_curated(classes_HW: np.ndarray, dataset: LabelledFolder) -> bool:
    """The published rule, for the classes of one label map."""
    stuff = ~dataset.label_set.is_thing()
    counts = np.bincount(classes_HW.ravel(), minlength=256)[: len(stuff)]
    large = min(classes_HW.shape) >= CURATED_SIDE
    return large and int(counts[stuff].sum()) >= CURATED_STUFF * classes_HW.size


def read_labels(path: str, label_set: LabelSet) -> np.ndarray:
    """(H, W) uint8 classes, 255 where a pixel does not count.

    Raises:
        ValueError: The file is not a readable label map of that set; it is named.
    """
    content = picture_bytes(path)
    expect_sane_size(content, path)
    values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED) if content else None
    if values is None:
        raise ValueError(f"expected a readable label map, got {path}")
    try:
        return classes_of(values, label_set)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
