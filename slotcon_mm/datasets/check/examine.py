"""What one image file is: readable or not, and what is odd about it."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from slotcon_mm.datasets.image_files import UnreadableImageError, decode_image, highest_value, image_bytes, reason_of

__all__ = ["Finding", "examine"]

SMALL_SIDE, LONG_RATIO, LARGE_PIXELS = 32, 4.0, 50_000_000
ORIENTATION = 0x0112  # EXIF tag
FORMATS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".webp": "WEBP", ".bmp": "BMP",
    ".dib": "BMP", ".tif": "TIFF", ".tiff": "TIFF", ".ppm": "PPM", ".pgm": "PPM", ".pbm": "PPM", ".pnm": "PPM",
}  # fmt: skip
KINDS = {"L": "gray", "1": "black and white", "P": "palette", "CMYK": "CMYK"}


class Finding(NamedTuple):
    """Of a file.

    Attributes:
        name: Path relative to the dataset's root.
        size: In bytes.
        changed: Time of its last change in nanoseconds; with ``size`` it tells a file that was replaced.
        problem: Why it cannot be read; empty if it can.
        oddities: What is unusual about a readable one.
        sha256: Of its content; empty where there is none.
        highest: Value in it, if it has 16 bits and does not say how many are used; else 0.
    """

    name: str
    size: int
    changed: int
    problem: str
    oddities: list[str]
    sha256: str
    highest: int


def examine(root: str, name: str) -> Finding:
    """Reads and decodes an image as training does."""
    path = os.path.join(root, name)
    size = changed = 0
    try:
        status = os.stat(path)
        size, changed = status.st_size, status.st_mtime_ns
        content = image_bytes(path)
    except (UnreadableImageError, OSError) as error:
        return Finding(name, size, changed, reason_of(error), [], "", 0)
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        height, width = decode_image(content, path).shape[:2]
        highest = highest_value(content, path)
    except UnreadableImageError as error:
        return Finding(name, size, changed, reason_of(error), [], sha256, 0)
    oddities = oddities_of(content, name, width, height)
    if highest:
        oddities.append(f"16 bits, its highest value is {highest}")
    return Finding(name, size, changed, "", oddities, sha256, highest)


def oddities_of(content: bytes, name: str, width: int, height: int) -> list[str]:
    found = []
    if b"\n" in os.fsencode(name):
        found.append("a line's end in its name: lists cannot hold it")
    if min(width, height) < SMALL_SIDE:
        found.append(f"small: {width} x {height}")
    if max(width, height) > LONG_RATIO * min(width, height):
        found.append(f"long: {width} x {height}; its two views often share nothing")
    if width * height > LARGE_PIXELS:
        found.append(f"large: {width} x {height}; slow to decode")
    return found + oddities_of_kind(content, os.path.splitext(name)[1].lower())


def oddities_of_kind(content: bytes, extension: str) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(content)) as image:
                mode, file_format = image.mode, image.format or "unknown"
                frames = getattr(image, "n_frames", 1)
                orientation = image.getexif().get(ORIENTATION, 1)
                alpha = "A" in mode or "transparency" in image.info
        except UnidentifiedImageError:  # whose text is an address in memory
            return ["Pillow does not read it"]
        except Exception as error:  # OpenCV read it; Pillow may stumble over anything in it
            return [f"Pillow does not read it: {error}"]
    found = [KINDS[mode]] if mode in KINDS else []
    if alpha:
        found.append("alpha, which is left out")
    if frames > 1:
        found.append(f"several frames or pages: the first of {frames} is read")
    if orientation != 1:
        found.append("turned by EXIF")
    if FORMATS.get(extension, file_format) != file_format and (file_format, extension) != ("MPO", ".jpg"):
        found.append(f"{file_format} by its content")
    return found
