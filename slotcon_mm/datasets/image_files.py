"""Reading an image file: 8-bit RGB whatever its kind, or a reason why not.

| kind | result |
| --- | --- |
| gray, palette, CMYK, progressive | converted to 8-bit RGB |
| 16 bits a value | the highest 8 of the ``bit_depth`` that are used; ``UnreadableImageError`` for a higher value |
| 10 to 14 bits a value by the file's header, another white in a PPM or PGM | white is what the header says |
| 32 bits, signed or floating-point values, five or more channels (TIFF) | ``UnreadableImageError`` |
| three or four channels that the file does not call colors (TIFF) | the first three are red, green and blue |
| alpha | left out: colors as they are stored |
| EXIF or TIFF orientation | the image is turned |
| animated, or of several pages | its first frame or page |
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
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import cv2
import numpy as np
from PIL import Image

from slotcon_mm.checks import printable
from slotcon_mm.datasets.netpbm import PAM, read_pam, with_last_line_ended
from slotcon_mm.datasets.tiff_header import read_tiff_header
from slotcon_mm.datasets.tiff_kinds import as_opencv_reads_it, not_decoded, not_read
from slotcon_mm.datasets.white_value import stated_white, to_8_bits

__all__ = [
    "MOST_PIXELS",
    "UnreadableImageError",
    "decode_image",
    "decode_values",
    "expect_sane_size",
    "highest_value",
    "image_bytes",
    "read_image",
    "reason_of",
    "size_in_header",
]

LOGGING: Any = getattr(cv2.utils, "logging", cv2)  # of OpenCV 5, and of 4
SILENT = 0
READ_RGB = getattr(cv2, "IMREAD_COLOR_RGB", cv2.IMREAD_COLOR)  # OpenCV before 4.10 has BGR only
MOST_PIXELS = 178_956_970  # above it Pillow speaks of a decompression bomb and refuses (2 x Image.MAX_IMAGE_PIXELS)
COMMANDS = (
    "tools/check_dataset.py FOLDER lists all such files; train_dataloader.dataset.unreadable=skip leaves them out"
)


class UnreadableImageError(ValueError):
    """A file that is no image that this package reads; the message names it, the reason and the fix."""


def read_image(path: str, *, exif: bool = True, bit_depth: int | None = None) -> np.ndarray:
    """(H, W, 3) uint8 RGB.

    Args:
        path: Of the file.
        exif: Turn it as its orientation says.
        bit_depth: How many of 16 bits are used, in files that do not say it; None: all.

    Raises:
        UnreadableImageError: See the table above.
    """
    return decode_image(image_bytes(path), path, exif=exif, bit_depth=bit_depth)


def image_bytes(path: str) -> bytes:
    """A regular file's content. A pipe, which would be waited for, is refused like everything else that is no file."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise unreadable(path, "it is no file")
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error


def decode_image(content: bytes, path: str, *, exif: bool = True, bit_depth: int | None = None) -> np.ndarray:
    """As ``read_image``, from a file's content; ``path`` is for messages."""
    values, stated = decode_values(content, path, exif=exif)
    if stated is None and bit_depth is not None:
        white = 2**bit_depth - 1
        highest = int(values.max())
        if highest > white:
            raise unreadable(path, f"the value {highest} in it, more than bit_depth={bit_depth} holds: raise it")
    else:
        white = stated or 65535
    return to_8_bits(values, white)


def highest_value(content: bytes, path: str) -> int:
    """Of a file that does not say how many of 16 bits are used; 0 for others.

    Raises:
        UnreadableImageError: See the table above.
    """
    if not content.startswith(PAM) and stated_white(content, read_tiff_header(content)) is not None:
        return 0
    values, white = decode_values(content, path)
    return int(values.max()) if white is None else 0


def decode_values(content: bytes, path: str, *, exif: bool = True) -> tuple[np.ndarray, int | None]:
    """(H, W, 3) RGB, uint8 or uint16, and the number of white where the file says it."""
    expect_sane_size(content, path)
    if not content:
        raise unreadable(path, "empty")
    if content.startswith(PAM):
        return pam_values(content, path)
    header = read_tiff_header(content)
    if header is not None:
        if reason := not_read(header):
            raise unreadable(path, reason)
        content = as_opencv_reads_it(content, header, exif=exif)
    content = with_last_line_ended(content)
    refused = (not_decoded(header) if header else "") or "cut off, or no image"
    white = stated_white(content, header)
    # OpenCV 5.0 fills 16-bit TIFFs with noise if it is asked for RGB
    is_rgb = white == 255 and READ_RGB != cv2.IMREAD_COLOR
    flags = READ_RGB if is_rgb else cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    if not exif:
        flags |= cv2.IMREAD_IGNORE_ORIENTATION
    try:
        with opencv_silenced() if header else nullcontext():
            image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        raise unreadable(path, refused) from error
    if image is None:
        raise unreadable(path, refused)
    if image.dtype not in (np.uint8, np.uint16):
        raise unreadable(path, f"{image.dtype} values, whose black and white the file does not tell")
    if image.dtype == np.uint8 and (white or 65535) > 255:
        white = 255  # OpenCV has scaled them
    return image if is_rgb else cv2.cvtColor(image, cv2.COLOR_BGR2RGB), white


def pam_values(content: bytes, path: str) -> tuple[np.ndarray, int | None]:
    try:
        values, white = read_pam(content)
    except ValueError as error:
        raise unreadable(path, str(error)) from None
    return values, None if white == 65535 else white


@contextmanager
def opencv_silenced() -> Iterator[None]:
    """OpenCV prints a line for each tag of a TIFF that it does not know: many for each image of a map or microscope."""
    level = LOGGING.setLogLevel(SILENT)
    try:
        yield
    finally:
        LOGGING.setLogLevel(level)


def expect_sane_size(content: bytes, path: str) -> None:
    """UnreadableImageError for more pixels than ``MOST_PIXELS``, before any is decoded."""
    width, height = size_in_header(content)
    if width * height > MOST_PIXELS:
        raise unreadable(path, f"{width} x {height} pixels, at most {MOST_PIXELS} are read: cut it into tiles")


def size_in_header(content: bytes) -> tuple[int, int]:
    """Width and height as stored; zeros where Pillow does not know the format (OpenCV may, and has its own limit)."""
    if header := read_tiff_header(content):  # Pillow does not know all kinds of pixels
        return header.width, header.height
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong with a file the decoder judges
            with Image.open(io.BytesIO(content)) as image:
                return image.size
    except Image.DecompressionBombError as error:
        found = re.search(r"\((\d+) pixels\)", str(error))
        return (int(found[1]) if found else MOST_PIXELS + 1), 1
    except Exception:  # a damaged header can stumble anywhere
        return 0, 0


def reason_of(error: Exception) -> str:
    """What stands in brackets behind the name in ``UnreadableImageError``'s message."""
    message = str(error)
    return message[message.rfind(" (") + 2 : message.rfind("): ")] if "): " in message else message


def unreadable(path: str, reason: str) -> UnreadableImageError:
    return UnreadableImageError(
        f"expected a readable image, got {printable(path)} ({reason}): replace or remove that file. {COMMANDS}"
    )
