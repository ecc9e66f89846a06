"""In mmdet's and mmseg's pipelines: an image file into an array, as pretraining reads it."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from slotcon_mm.datasets.image_files import read_image
from slotcon_mm.datasets.white_value import expect_bit_depth
from slotcon_mm.registry import TRANSFORMS

__all__ = ["LoadLabeledImage"]


@TRANSFORMS.register_module()
class LoadLabeledImage(BaseTransform):
    """Reads ``img_path`` into ``img`` (H, W, 3) uint8 BGR, as stored; ``img_shape`` and ``ori_shape`` are (H, W).

    It stands in place of mmcv's LoadImageFromFile, which takes the upper 8 of 16 bits whichever are used, and turns
    images that labels were not made for.

    Args:
        bit_depth: How many bits of 16-bit images are used, as pretraining's ``LoadImage`` takes it; None: 16.
    """

    def __init__(self, bit_depth: int | None = None) -> None:
        expect_bit_depth(bit_depth)
        self.bit_depth = bit_depth

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        image = read_image(results["img_path"], exif=False, bit_depth=self.bit_depth)
        size = image.shape[:2]
        return {**results, "img": np.ascontiguousarray(image[..., ::-1]), "img_shape": size, "ori_shape": size}
