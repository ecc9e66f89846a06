"""Images with labels, to score groups on: label maps, or instances of a JSON file in COCO's format."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from slotcon_mm.checks import listing
from slotcon_mm.datasets.coco_instances import read_coco
from slotcon_mm.datasets.image_lists import list_images
from slotcon_mm.datasets.label_sets import LabelSet, label_set_of
from slotcon_mm.datasets.orientations import turned_images
from slotcon_mm.datasets.subsets import as_subset, choose, described
from slotcon_mm.datasets.transforms.load_image import check_bit_depth
from slotcon_mm.registry import DATASETS

__all__ = ["LabelMapDataset", "expect_label_set", "label_map_path", "without_label_maps"]


@DATASETS.register_module()
class LabelMapDataset(BaseDataset):
    """Images below a folder and, for each, its label map, a PNG at the same place below another folder.

    In place of label maps, or besides them, ``ann_file`` may name a JSON file of instances in COCO's format. Without
    label maps its categories are the classes (``CocoInstances``); with them, it is for ``LoadInstances`` only. Images
    that it does not list are left out.

    Args:
        data_root: Of both.
        data_prefix: ``dict(img_path=..., seg_map_path=...)``, as in mmseg: the folders of images and of 8-bit label
            maps, below ``data_root``. With ``ann_file`` the second may be left out.
        label_set: What the values or colors of label maps mean: a name of ``LABEL_SETS``, or a dict as
            ``label_set_of_dict`` takes it. None where ``ann_file`` tells the classes.
        subset: ``'all'``; ``'curated'``, the published rule for COCO-Stuff (IIC, used by PiCIE and STEGO: both sides at
            least 360 pixels, at least 75 % of all pixels no thing), found anew from the label maps; a text file with
            an image's name, with or without its extension or folder, a line: PiCIE's published list, say; or
            ``dict(part='train', share=0.3, seed=0)``, where ``share`` of the images are held out at random
            (``split_at_random``) and ``part='held-out'`` are those.
        img_suffix: End of an image's name, before its extension, that its label map has not (``'_leftImg8bit'`` in
            Cityscapes).
        seg_map_suffix: What the label map's name has in its place, with its extension.
        pipeline: Transforms.
        ann_file: Instances in COCO's format, below ``data_root``; file names in it are paths below the folder of
            images.
        **kwargs: Of MMEngine's BaseDataset.
    """

    def __init__(
        self, data_root: str, data_prefix: dict[str, str], label_set: str | Mapping[str, Any] | LabelSet | None = None,
        subset: str | Mapping[str, Any] = "all", img_suffix: str = "", seg_map_suffix: str = ".png",
        pipeline: Sequence[Any] = (), ann_file: str = "", **kwargs: Any,
    ) -> None:  # fmt: skip
        has_maps = "seg_map_path" in data_prefix
        if not {"img_path"} <= set(data_prefix) <= {"img_path", "seg_map_path"} or not (has_maps or ann_file):
            raise ValueError(
                f"expected data_prefix=dict(img_path=..., seg_map_path=...), got {dict(data_prefix)}: only with "
                "ann_file=JSON may seg_map_path be left out"
            )
        self.subset, self.img_suffix, self.seg_map_suffix = as_subset(subset), img_suffix, seg_map_suffix
        self.instances = read_coco(os.path.join(data_root, ann_file)) if ann_file else None
        if has_maps:
            self.label_set = label_set_of(expect_label_set(label_set))
        elif label_set is not None:
            raise ValueError(
                f"expected no label_set with ann_file={ann_file!r} and without seg_map_path, since the file's "
                f"categories are the classes, got {label_set!r}"
            )
        else:
            assert self.instances is not None
            self.label_set = self.instances.label_set()
        things = tuple(name for name in self.label_set.names if name in self.label_set.things)
        super().__init__(
            data_root=data_root, data_prefix=dict(data_prefix), ann_file=ann_file, pipeline=list(pipeline),
            metainfo=dict(classes=self.label_set.names, things=things), **kwargs,
        )  # fmt: skip
        # for messages; given as metainfo, texts would be taken for files of class names
        self._metainfo["subset"] = described(self.subset)
        self._metainfo["label_set"] = label_set if isinstance(label_set, str) else ann_file or "own classes"

    def load_data_list(self) -> list[dict[str, Any]]:
        labeled = [dict(img_path=path) for path in list_images(self.data_prefix["img_path"])]
        if self.instances is not None:
            labeled = self.with_instances(labeled)
        if "seg_map_path" in self.data_prefix:
            labeled = self.with_label_maps(labeled)
        check_bit_depth([image["img_path"] for image in labeled], self.pipeline)
        chosen = choose(self.subset, labeled, [self.place_of(image) for image in labeled], self.label_set)
        if turned := turned_images(len(chosen), lambda index: chosen[index]["img_path"]):
            say(turned)
        return chosen

    def get_data_info(self, idx: int) -> dict[str, Any]:
        return dict(super().get_data_info(idx), label_set=self.label_set)

    def with_instances(self, images: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those that the file lists, with what it says."""
        assert self.instances is not None
        listed, name = self.instances.images, self.instances.path
        found = [{**image, **listed[key]} for image in images if (key := self.place_of(image)) in listed]
        if not found:
            raise ValueError(
                f"expected images that {name} lists, such as {listing([*listed], most=1)}, below "
                f"{self.data_prefix['img_path']}, got {self.place_of(images[0])} and {len(images) - 1} others, none of "
                "which it lists: correct data_prefix.img_path or ann_file"
            )
        if left := len(images) - len(found):
            say(f"{left} of {len(images)} images are not listed in {name}, and are left out")
        if missing := len(listed) - len(found):
            say(f"{missing} of {len(listed)} images that {name} lists are not below {self.data_prefix['img_path']}")
        self.instances = None  # they are in the list now, which workers share
        return found

    def with_label_maps(self, images: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those that have one, with its path."""
        roots = self.data_prefix["img_path"], self.data_prefix["seg_map_path"]
        suffixes = self.img_suffix, self.seg_map_suffix
        pairs = [dict(image, seg_map_path=label_map_path(image["img_path"], *roots, *suffixes)) for image in images]
        pairs = self.images_among(pairs)
        found = [pair for pair in pairs if os.path.isfile(pair["seg_map_path"])]
        if not found:
            raise ValueError(
                f"expected label maps like {pairs[0]['seg_map_path']}, got none for {len(pairs)} images: correct "
                "data_prefix.seg_map_path or seg_map_suffix"
            )
        if len(found) < len(pairs):
            say(f"{len(pairs) - len(found)} of {len(pairs)} images have no label map")
        return found

    def images_among(self, pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Of files that may be label maps too, the images."""
        maps = {pair["img_path"]: pair["seg_map_path"] for pair in pairs}
        folder = self.data_prefix["img_path"]
        images = set(without_label_maps([*maps], folder, maps.__getitem__))
        if left := len(pairs) - len(images):
            say(f"{left} of {len(pairs)} files below {folder} are label maps and are not read as images")
        return [pair for pair in pairs if pair["img_path"] in images]

    def place_of(self, image: dict[str, Any]) -> str:
        """An image's path below the folder of images, with slashes."""
        return Path(image["img_path"]).relative_to(self.data_prefix["img_path"]).as_posix()


def without_label_maps(files: Sequence[str], folder: str, label_map_of: Callable[[str], str]) -> list[str]:
    """The images of a folder that may hold their label maps, too.

    Raises:
        ValueError: There are files, and none is an image.
    """
    maps = {os.path.abspath(label_map_of(file)) for file in files}
    images = [file for file in files if os.path.abspath(file) not in maps]
    if files and not images:
        raise ValueError(
            f"expected images and label maps, got for each of {len(files)} files below {folder} the file itself as "
            "its label map: correct the folder of label maps or the end of their names (data_prefix.seg_map_path, "
            "seg_map_suffix; --labels, --label-suffix)"
        )
    return images


def label_map_path(image: str, images: str, labels: str, image_suffix: str = "", label_suffix: str = ".png") -> str:
    """Where the label map of an image below the folder ``images`` is: at the same place below ``labels``."""
    path = Path(image)
    name = path.stem.removesuffix(image_suffix) + label_suffix
    return str(Path(labels) / path.relative_to(images).parent / name)


def expect_label_set(label_set: Any) -> Any:
    if label_set is None:
        raise ValueError(
            "expected label_set, which tells what the values of label maps mean, got none: a preset's name, or "
            "dict(classes=('a', 'b'), values=[0, 1])"
        )
    return label_set


def say(line: str) -> None:
    print_log(line, logger="current", level=30)
