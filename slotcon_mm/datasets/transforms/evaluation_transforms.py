"""What happens to an image and its label map before groups are scored: PiCIE's protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import resize

from slotcon_mm.checks import expect_positive, listing, printable
from slotcon_mm.datasets.instance_maps import draw_classes, draw_instances
from slotcon_mm.datasets.label_files import BadLabelMapError, read_labels
from slotcon_mm.datasets.label_sets import LabelSet, label_set_of
from slotcon_mm.datasets.orientations import if_turned
from slotcon_mm.registry import TRANSFORMS

__all__ = ["CenterCrop", "LoadInstances", "LoadLabels", "ResizeShortSide", "Squash"]

LABELS = ("gt_sem_seg", "gt_instances")


@TRANSFORMS.register_module()
class LoadLabels(BaseTransform):
    """Reads ``seg_map_path``, or draws ``annotations`` where there is none, into ``gt_sem_seg`` (H, W) uint8 classes.

    255 does not count.

    Args:
        label_set: As ``LabelMapDataset`` takes it; None: the dataset's.
    """

    def __init__(self, label_set: str | Mapping[str, Any] | LabelSet | None = None) -> None:
        self.label_set = None if label_set is None else label_set_of(label_set)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        label_set = self.label_set or results.get("label_set")
        if label_set is None:
            raise ValueError("expected LoadLabels(label_set=...), or a dataset that has one, got none")
        if "label_set" in results and results["label_set"].names != label_set.names:
            raise ValueError(
                f"expected the classes of the dataset, {listing(results['label_set'].names)}, in LoadLabels, got "
                f"{listing(label_set.names)}: leave its label_set out"
            )
        if "seg_map_path" not in results:
            return {**results, "gt_sem_seg": draw(draw_classes, results)}
        labels = read_labels(results["seg_map_path"], label_set)
        if labels.shape != results["img"].shape[:2]:
            raise BadLabelMapError(
                f"expected a label map of {results['img'].shape[:2]} for {results['img_path']}, got {labels.shape} "
                f"in {results['seg_map_path']}" + if_turned(results["img_path"])
            )
        return {**results, "gt_sem_seg": labels}


@TRANSFORMS.register_module()
class LoadInstances(BaseTransform):
    """Draws ``annotations`` into ``gt_instances`` (H, W) int32: 1, 2, ... in their order, 0 where there is none."""

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        if "annotations" not in results:
            raise ValueError("expected a dataset with instances, LabelMapDataset(ann_file=JSON), got one without")
        return {**results, "gt_instances": draw(draw_instances, results)}


def draw(how: Callable[..., np.ndarray], results: dict[str, Any]) -> np.ndarray:
    """What the annotations of an image make; BadLabelMapError names it."""
    size = results["img"].shape[:2]
    stated = results["height"] or size[0], results["width"] or size[1]
    if stated != size:
        raise BadLabelMapError(
            f"expected {results['img_path']} of {stated[0]} x {stated[1]} pixels, as its annotations say, got "
            f"{size[0]} x {size[1]}" + if_turned(results["img_path"])
        )
    try:
        return how(results["annotations"], *size)
    except BadLabelMapError as error:
        raise BadLabelMapError(f"{printable(results['img_path'])}: {error}") from None


@TRANSFORMS.register_module()
class ResizeShortSide(BaseTransform):
    """Resizes so that the shorter side is ``size``: the image bilinear (Pillow's, antialiased), labels nearest.

    Args:
        size: In pixels; 320 in PiCIE's protocol.
    """

    def __init__(self, size: int) -> None:
        expect_positive(size=size)
        self.size = size

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        return resized(results, self.size)


@TRANSFORMS.register_module()
class Squash(BaseTransform):
    """Resizes to ``size`` x ``size`` without keeping the ratio of sides; interpolation as ``ResizeShortSide``'s.

    Args:
        size: In pixels; 512 in the protocol of in-context retrieval, 224 in that of object discovery.
    """

    def __init__(self, size: int) -> None:
        expect_positive(size=size)
        self.size = size

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        return resized(results, [self.size, self.size])


def resized(results: dict[str, Any], size: int | list[int]) -> dict[str, Any]:
    """Image and labels at the size (height, width), or of that shorter side."""
    found = {**results, "img": resized_array(results["img"], size, InterpolationMode.BILINEAR)}
    for name in LABELS:
        if name in results:
            found[name] = resized_array(results[name], size, InterpolationMode.NEAREST)
    return found


def resized_array(array: np.ndarray, size: int | list[int], interpolation: InterpolationMode) -> np.ndarray:
    return np.array(resize(Image.fromarray(array), size, interpolation))  # a copy: Pillow's own is read-only


@TRANSFORMS.register_module()
class CenterCrop(BaseTransform):
    """Cuts the middle ``size`` x ``size``, its corner rounded as PiCIE's; smaller sides stay as they are.

    Args:
        size: In pixels.
    """

    def __init__(self, size: int) -> None:
        expect_positive(size=size)
        self.size = size

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        height, width = results["img"].shape[:2]
        top, left = (max(0, round((side - self.size) / 2)) for side in (height, width))
        window = np.s_[top : top + self.size, left : left + self.size]
        cut: dict[str, Any] = {
            name: np.ascontiguousarray(results[name][window]) for name in ("img", *LABELS) if name in results
        }
        return {**results, **cut}
