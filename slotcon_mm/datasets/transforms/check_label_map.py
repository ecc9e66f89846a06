"""A label map that does not fit its image or its classes is named, before a loss or a score takes it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from slotcon_mm.checks import printable
from slotcon_mm.datasets.label_files import BadLabelMapError
from slotcon_mm.datasets.label_storage import expect_read_alike
from slotcon_mm.datasets.orientations import if_turned
from slotcon_mm.registry import TRANSFORMS

__all__ = ["CheckLabelMap"]


@TRANSFORMS.register_module()
class CheckLabelMap(BaseTransform):
    """For mmseg's pipelines, after ``LoadAnnotations``: mmseg itself ends in an index error or a device assertion.

    Args:
        num_classes: C; labels are 0 to C - 1.
        ignore_index: The label of pixels that do not count.
    """

    def __init__(self, num_classes: int, ignore_index: int = 255) -> None:
        self.num_classes, self.ignore_index = num_classes, ignore_index

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        labels = results["gt_seg_map"]
        path = str(results["seg_map_path"])
        name = printable(path)
        if os.path.isfile(path):  # else it lies in a storage that only the host can read
            try:
                expect_read_alike(path)
            except ValueError as error:
                raise BadLabelMapError(f"{name}: {error}") from None
        if labels.ndim != 2:
            raise BadLabelMapError(
                f"{name}: expected a label map of one channel, got shape {labels.shape}: write each pixel's class as a "
                "number (8-bit gray or palette)"
            )
        size = tuple(results["ori_shape"][:2])
        if labels.shape != size:
            raise BadLabelMapError(
                f"{name}: expected a label map of the image's size {size}, got {labels.shape}"
                + if_turned(str(results.get("img_path")))
            )
        present = np.flatnonzero(np.bincount(labels.ravel(), minlength=1))
        strange = present[(present >= self.num_classes) & (present != self.ignore_index)]
        if strange.size:
            raise BadLabelMapError(
                f"{name}: expected labels 0 to {self.num_classes - 1} and {self.ignore_index}, got {strange[0]} (after "
                "reduce_zero_label, if the dataset has it): correct the label map, or the config's num_classes"
            )
        return results
