"""The first step of a pipeline: an image file into an array."""

from __future__ import annotations

from typing import Any

from mmcv.transforms import BaseTransform

from slotcon_mm.datasets.image_files import read_image
from slotcon_mm.registry import TRANSFORMS

__all__ = ["LoadImage"]


@TRANSFORMS.register_module()
class LoadImage(BaseTransform):
    """Reads ``img_path`` into ``img`` (H, W, 3) uint8 RGB.

    mmcv's LoadImageFromFile differs in the order of channels and in what it says of a file that it cannot read.

    Args:
        exif: Turn the image as its EXIF orientation says. Most label maps are drawn on the pixels as stored: False.
    """

    def __init__(self, exif: bool = True) -> None:
        self.exif = exif

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        return {**results, "img": read_image(results["img_path"], exif=self.exif)}
