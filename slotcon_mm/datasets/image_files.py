"""Reading an image file: 8-bit RGB whatever its kind, or a reason why not.

| kind | result |
| --- | --- |
| gray, palette, 16-bit, CMYK, progressive | converted to 8-bit RGB |
| alpha | left out |
| EXIF orientation | the image is turned |
| animated | its first frame |
| wrong extension | read as what it is |
| 1 x 1, 1 x N | as they are |
| cut off, empty, no image, no permission, not there, a loop of links, a pipe, a folder | ``UnreadableImageError`` |
| more than 178,956,970 pixels, as its header says | ``UnreadableImageError``, before memory is taken for it |
"""

from __future__ import annotations

import io
import os
import re
import stat
import warnings

import cv2
import numpy as np
from PIL import Image

from slotcon_mm.checks import printable

__all__ = [
    "MOST_PIXELS",
    "UnreadableImageError",
    "decode_image",
    "expect_sane_size",
    "image_bytes",
    "read_image",
]

READ_RGB = getattr(cv2, "IMREAD_COLOR_RGB", cv2.IMREAD_COLOR)  # OpenCV before 4.10 has BGR only
MOST_PIXELS = 178_956_970  # above it Pillow speaks of a decompression bomb and refuses (2 x Image.MAX_IMAGE_PIXELS)
COMMANDS = (
    "tools/check_dataset.py FOLDER lists all such files; train_dataloader.dataset.unreadable=skip leaves them out"
)


class UnreadableImageError(ValueError):
    """A file that is no image that this package reads; the message names it, the reason and the fix."""


def read_image(path: str, *, exif: bool = True) -> np.ndarray:
    """(H, W, 3) uint8 RGB, turned as its EXIF orientation says.

    Raises:
        UnreadableImageError: See the table above.
    """
    return decode_image(image_bytes(path), path, exif=exif)


def image_bytes(path: str) -> bytes:
    """A regular file's content. A pipe, which would be waited for, is refused like everything else that is no file."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise unreadable(path, "it is no file")
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error


def decode_image(content: bytes, path: str, *, exif: bool = True) -> np.ndarray:
    """As ``read_image``, from a file's content; ``path`` is for messages."""
    expect_sane_size(content, path)
    if not content:
        raise unreadable(path, "empty")
    flags = READ_RGB if exif else READ_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        raise unreadable(path, "cut off, or no image") from error
    if image is None:
        raise unreadable(path, "cut off, or no image")
    return image if READ_RGB != cv2.IMREAD_COLOR else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def expect_sane_size(content: bytes, path: str) -> None:
    """UnreadableImageError for more pixels than ``MOST_PIXELS``, before any is decoded."""
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


def unreadable(path: str, reason: str) -> UnreadableImageError:
    return UnreadableImageError(
        f"expected a readable image, got {printable(path)} ({reason}): replace or remove that file. {COMMANDS}"
    )
