"""What happens to an image and its label map before groups are scored: PiCIE's protocol."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import resize

from slotcon_mm.checks import expect_positive
from slotcon_mm.datasets.label_map_dataset import BadLabelMapError, read_labels
from slotcon_mm.datasets.label_sets import LABEL_SETS
from slotcon_mm.registry import TRANSFORMS

__all__ = ["CenterCrop", "LoadLabels", "ResizeShortSide"]


@TRANSFORMS.register_module()
class LoadLabels(BaseTransform):
    """Reads ``seg_map_path`` into ``gt_sem_seg`` (H, W) uint8 classes; 255 does not count.

    Args:
        label_set: A name of ``LABEL_SETS``.
    """

    def __init__(self, label_set: str) -> None:
        self.label_set = LABEL_SETS[label_set]

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        labels = read_labels(results["seg_map_path"], self.label_set)
        if labels.shape != results["img"].shape[:2]:
            raise BadLabelMapError(
                f"expected a label map of {results['img'].shape[:2]} for {results['img_path']}, got {labels.shape} "
                f"in {results['seg_map_path']}"
            )
        return {**results, "gt_sem_seg": labels}


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
        results = {**results, "img": self.resize(results["img"], InterpolationMode.BILINEAR)}
        if "gt_sem_seg" in results:
            results["gt_sem_seg"] = self.resize(results["gt_sem_seg"], InterpolationMode.NEAREST)
        return results

    def resize(self, array: np.ndarray, interpolation: InterpolationMode) -> np.ndarray:
        return np.array(resize(Image.fromarray(array), self.size, interpolation))  # a copy: Pillow's own is read-only


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
            name: np.ascontiguousarray(results[name][window]) for name in ("img", "gt_sem_seg") if name in results
        }
        return {**results, **cut}
