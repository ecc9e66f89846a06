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
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        return {**results, "img": read_picture(results["img_path"])}


def read_picture(path: str) -> np.ndarray:
    """(H, W, 3) uint8 RGB, turned as its EXIF orientation says; grey, palette and 16-bit pictures are converted.

    Raises:
        ValueError: It is not a picture that OpenCV reads, or is cut off.
    """
    try:
        return mmcv.imfrombytes(Path(path).read_bytes(), flag="color", channel_order="rgb")
    except cv2.error as error:
        raise ValueError(f"expected a readable picture, got {path}: replace or remove that file") from error
