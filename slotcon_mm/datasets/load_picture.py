"""Reading a picture file: 8-bit RGB whatever its kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import mmcv
import numpy as np
from mmcv.transforms import BaseTransform

from slotcon_mm.registry import TRANSFORMS

__all__ = ["LoadPicture", "read_picture"]


@TRANSFORMS.register_module()
class LoadPicture(BaseTransform):
    """Reads ``img_path`` into ``img`` (H, W, 3) uint8 RGB.

    Differs from mmcv's LoadImageFromFile in the order of channels and in what it says of a file that it cannot read.

    Args:
        exif: Turn the picture as its EXIF orientation says. Label maps are mostly drawn on the pixels as stored: False.
    """

    def __init__(self, exif: bool = True) -> None:
        self.exif = exif

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        return {**results, "img": read_picture(results["img_path"], exif=self.exif)}


def read_picture(path: str, *, exif: bool = True) -> np.ndarray:
    """(H, W, 3) uint8 RGB, turned as its EXIF orientation says; grey, palette and 16-bit pictures are converted.

    Raises:
        ValueError: It is not a picture that OpenCV reads, or is cut off.
    """
    try:
        flag = "color" if exif else "color_ignore_orientation"
        # mmcv 2.1.0 heeds channel_order with the first flag only
        bgr = mmcv.imfrombytes(Path(path).read_bytes(), flag=flag, channel_order="bgr")
        return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    except cv2.error as error:
        raise ValueError(f"expected a readable picture, got {path}: replace or remove that file") from error
