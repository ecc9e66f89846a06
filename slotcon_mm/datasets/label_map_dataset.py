"""Images with label maps, to score groups on."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from PIL import Image

from slotcon_mm.checks import listing, printable
from slotcon_mm.datasets.image_files import expect_sane_size, image_bytes
from slotcon_mm.datasets.image_lists import list_images
from slotcon_mm.datasets.label_sets import LABEL_SETS, LabelSet, classes_of
from slotcon_mm.datasets.transforms.load_image import check_bit_depth
from slotcon_mm.registry import DATASETS

__all__ = ["BadLabelMapError", "LabelMapDataset", "is_curated", "read_labels", "read_values"]

CURATED_SIDE, CURATED_STUFF = 360, 0.75


class BadLabelMapError(ValueError):
    """A label map that cannot be read, or is not of its label set; the message names the file."""


@DATASETS.register_module()
class LabelMapDataset(BaseDataset):
    """Images below a folder and, for each, its label map, a PNG at the same place below another folder.

    Args:
        data_root: Of both.
        data_prefix: ``dict(img_path=..., seg_map_path=...)``, as in mmseg: the folders of images and of 8-bit label
            maps, below ``data_root``.
        label_set: A name of ``LABEL_SETS``: what the values mean.
        subset: ``'all'``; ``'curated'``, the published rule for COCO-Stuff (IIC, used by PiCIE and STEGO: both sides at
            least 360 pixels, at least 75 % of all pixels no thing), found anew from the label maps; or a text file with
            an image's name, with or without its extension or folder, a line: PiCIE's published list, say.
        img_suffix: End of an image's name, before its extension, that its label map has not (``'_leftImg8bit'`` in
            Cityscapes).
        seg_map_suffix: What the label map's name has in its place, with its extension.
        pipeline: Transforms.
        **kwargs: Of MMEngine's BaseDataset.
    """

    def __init__(
        self, data_root: str, data_prefix: dict[str, str], label_set: str, subset: str = "all", img_suffix: str = "",
        seg_map_suffix: str = ".png", pipeline: Sequence[Any] = (), **kwargs: Any,
    ) -> None:  # fmt: skip
        if label_set not in LABEL_SETS:
            raise ValueError(f"expected a label set of {', '.join(LABEL_SETS)}, got {label_set}")
        if set(data_prefix) != {"img_path", "seg_map_path"}:
            raise ValueError(f"expected data_prefix=dict(img_path=..., seg_map_path=...), got {dict(data_prefix)}")
        self.subset, self.img_suffix, self.seg_map_suffix = subset, img_suffix, seg_map_suffix
        self.label_set = LABEL_SETS[label_set]
        metainfo = dict(classes=self.label_set.names)
        super().__init__(
            data_root=data_root, data_prefix=dict(data_prefix), metainfo=metainfo, pipeline=list(pipeline), **kwargs
        )
        self._metainfo["subset"] = subset  # given as metainfo it would be taken for a file of class names

    def load_data_list(self) -> list[dict[str, Any]]:
        paths = list_images(self.data_prefix["img_path"])
        pairs = [dict(img_path=path, seg_map_path=str(self.label_map_of(Path(path)))) for path in paths]
        labeled = [pair for pair in pairs if Path(pair["seg_map_path"]).is_file()]
        if not labeled:
            raise ValueError(
                f"expected label maps like {pairs[0]['seg_map_path']}, got none for {len(pairs)} images: correct "
                "data_prefix.seg_map_path or seg_map_suffix"
            )
        if len(labeled) < len(pairs):
            print_log(
                f"{len(pairs) - len(labeled)} of {len(pairs)} images have no label map", logger="current", level=30
            )
        check_bit_depth([pair["img_path"] for pair in labeled], self.pipeline)
        return self.choose(labeled)

    def label_map_of(self, image: Path) -> Path:
        inside = image.relative_to(self.data_prefix["img_path"]).parent
        name = image.stem.removesuffix(self.img_suffix) + self.seg_map_suffix
        return Path(self.data_prefix["seg_map_path"]) / inside / name

    def choose(self, labeled: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if self.subset == "all":
            return labeled
        if self.subset == "curated":
            chosen = [pair for pair in labeled if is_curated(read_labels(pair["seg_map_path"], self.label_set), self)]
        else:
            chosen = self.listed(labeled)
        if not chosen:
            raise ValueError(f"expected images for subset={self.subset!r}, got none of {len(labeled)}")
        return chosen

    def listed(self, labeled: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those that the text file names: by stem, file name or path, a line each. A line that names none is said."""
        if not Path(self.subset).is_file():
            raise ValueError(f"expected subset='all', 'curated' or a text file of names, got {self.subset!r}")
        lines = Path(self.subset).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        wanted = {line.strip() for line in lines if line.strip()}
        chosen, met = [], set()
        for pair in labeled:
            path = Path(pair["img_path"]).relative_to(self.data_prefix["img_path"])
            names = {path.stem, path.name, str(path), str(path.with_suffix(""))} & wanted
            if names:
                chosen.append(pair)
                met |= names
        if missing := sorted(wanted - met):
            print_log(
                f"{self.subset}: {len(missing)} of {len(wanted)} names are those of no labeled image: "
                f"{listing(missing, most=5)}",
                logger="current",
                level=30,
            )
        return chosen


def is_curated(classes_HW: np.ndarray, dataset: LabelMapDataset) -> bool:
    """The published rule, for the classes of one label map; pixels without a label count as stuff."""
    is_thing = dataset.label_set.is_thing()
    counts = np.bincount(classes_HW.ravel(), minlength=256)[: len(is_thing)]
    large = min(classes_HW.shape) >= CURATED_SIDE
    return large and classes_HW.size - int(counts[is_thing].sum()) >= CURATED_STUFF * classes_HW.size


def read_labels(path: str, label_set: LabelSet) -> np.ndarray:
    """(H, W) uint8 classes, 255 where a pixel does not count.

    Raises:
        BadLabelMapError: The file is not a readable label map of that set; it is named.
    """
    try:
        return classes_of(read_values(path), label_set)
    except ValueError as error:
        raise BadLabelMapError(f"{printable(path)}: {error}") from None


def read_values(path: str) -> np.ndarray:
    """The numbers in a label map's file: (H, W), of a palette image the indices, as Pascal VOC stores its classes.

    Raises:
        ValueError: The file cannot be read.
    """
    content = image_bytes(path)
    expect_sane_size(content, path)
    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.array(image).astype(np.uint8) if image.mode == "1" else np.array(image)
    except Exception as error:  # a damaged file can stumble anywhere
        raise ValueError(f"expected a readable label map ({error})") from None
