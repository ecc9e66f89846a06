"""Reading a picture file: 8-bit RGB whatever its kind, or a reason why not.

| kind | result |
| --- | --- |
| grey, palette, 16-bit, CMYK, progressive | converted to 8-bit RGB |
| alpha | left out |
| EXIF orientation | the picture is turned |
| animated | its first frame |
| wrong extension | read as what it is |
| 1 x 1, 1 x N | as they are |
| cut off, empty, no picture, no permission, not there, a loop of links, a pipe, a folder | ``UnreadablePictureError`` |
| more than 178,956,970 pixels, as its header says | ``UnreadablePictureError``, before memory is taken for it |
"""

from __future__ import annotations

import io
import os
import re
import stat
import warnings
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image

from slotcon_mm.checks import printable
from slotcon_mm.registry import TRANSFORMS

__all__ = [
    "MOST_PIXELS",
    "LoadPicture",
    "UnreadablePictureError",
    "decode_picture",
    "expect_sane_size",
    "picture_bytes",
    "read_picture",
]

READ_RGB = getattr(cv2, "IMREAD_COLOR_RGB", cv2.IMREAD_COLOR)  # OpenCV before 4.10 has BGR only
MOST_PIXELS = 178_956_970  # above it Pillow speaks of a decompression bomb and refuses (2 x Image.MAX_IMAGE_PIXELS)
COMMANDS = (
    "tools/check_dataset.py FOLDER lists all such files; train_dataloader.dataset.unreadable=skip leaves them out"
)


class UnreadablePictureError(ValueError):
    """A file that is no picture that this package reads; the message names it, the reason and the fix."""


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
    """(H, W, 3) uint8 RGB, turned as its EXIF orientation says.

    Raises:
        UnreadablePictureError: See the table above.
    """
    return decode_picture(picture_bytes(path), path, exif=exif)


def picture_bytes(path: str) -> bytes:
    """A regular file's content. A pipe, which would be waited for, is refused like everything else that is no file."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise unreadable(path, "it is no file")
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error


def decode_picture(content: bytes, path: str, *, exif: bool = True) -> np.ndarray:
    """As ``read_picture``, from a file's content; ``path`` is for messages."""
    expect_sane_size(content, path)
    if not content:
        raise unreadable(path, "empty")
    flags = READ_RGB if exif else READ_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        raise unreadable(path, "cut off, or no picture") from error
    if image is None:
        raise unreadable(path, "cut off, or no picture")
    return image if READ_RGB != cv2.IMREAD_COLOR else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def expect_sane_size(content: bytes, path: str) -> None:
    """UnreadablePictureError for more pixels than ``MOST_PIXELS``, before any is decoded."""
    width, height = size_in_header(content)
    if width * height > MOST_PIXELS:
        raise unreadable(path, f"{width} x {height} pixels, at most {MOST_PIXELS} are read: cut it into tiles")


def size_in_header(content: bytes) -> tuple[int, int]:
    """Width and height; zeros where Pillow does not know the format (OpenCV may, and has its own limit)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as image:
                return image.size
    except Image.DecompressionBombError as error:
        found = re.search(r"\((\d+) pixels\)", str(error))
        return (int(found[1]) if found else MOST_PIXELS + 1), 1
    except Exception:  # a damaged header can stumble anywhere; the decoder judges
        return 0, 0


def unreadable(path: str, reason: str) -> UnreadablePictureError:
    return UnreadablePictureError(
        f"expected a readable picture, got {printable(path)} ({reason}): replace or remove that file. {COMMANDS}"
    )
