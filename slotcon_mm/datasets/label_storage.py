"""How a file stores the values of a label map: whether they are still those that were written once they are read.

Pillow (12) stretches grays of fewer than 8 bits so that white is 255: the 1 of 4 bits is read as 17. mmseg (1.2.2) cuts
what Pillow reads to 8 bits: 256 becomes 0. Lossy formats move values at the borders of classes.
"""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image

from slotcon_mm.datasets.netpbm import stated_maximum
from slotcon_mm.datasets.tiff_header import read_tiff_header
from slotcon_mm.datasets.white_value import PNG, PNG_BIT_DEPTH_AT

__all__ = ["expect_kept", "expect_read_alike", "unstretched", "white_of"]

PNG_COLOR_TYPE_AT = PNG_BIT_DEPTH_AT + 1
GRAY, PALETTE = 0, 3  # PNG's color types
LOSSY = ("JPEG", "MPO", "JPEG2000", "AVIF", "HEIF")  # Pillow's names; of those that may be lossless nobody can tell
LOSSY_TIFF = ("jpeg", "tiff_jpeg", "webp")  # Pillow's names of compressions
FIX = "save it as a PNG of 8 bits, gray or with a palette"


def expect_kept(image: Image.Image, content: bytes) -> None:
    """ValueError for a format that does not keep every value.

    Args:
        image: Opened by Pillow; its pixels need not be loaded.
        content: Of its file.
    """
    kind = str(image.format)
    compression = str(image.info.get("compression"))
    if kind == "TIFF" and compression in LOSSY_TIFF:
        kind = f"TIFF with {compression} in it"
    elif kind not in LOSSY and not (kind == "WEBP" and is_lossy_webp(content)):
        return
    raise ValueError(
        f"expected a label map in a format that keeps every value, got {kind}, which changes many where classes meet: "
        "save it as PNG where it was drawn (what was a JPEG before has wrong values as a PNG, too)"
    )


def is_lossy_webp(content: bytes) -> bool:
    """Whether its first frame is. Source: WebP Container Specification (Google, 2024)."""
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        if name in (b"VP8 ", b"VP8L"):
            return name == b"VP8 "
        at += 8 + (16 if name == b"ANMF" else size + size % 2)  # a frame of an animation holds chunks of its own
    return False


def white_of(image: Image.Image, content: bytes) -> int:
    """The number in a gray file that Pillow reads as 255."""
    if image.mode != "L":
        return 255
    if content.startswith(PNG):
        return 2 ** content[PNG_BIT_DEPTH_AT] - 1 if content[PNG_COLOR_TYPE_AT] == GRAY else 255
    if header := read_tiff_header(content):
        return 2**header.bits - 1
    stated = stated_maximum(content)
    return stated[1] if stated else 255


def unstretched(values: np.ndarray, white: int) -> np.ndarray:
    """Gray values as the file has them, of those in which ``white`` became 255."""
    return values if white >= 255 else np.round(values * (white / 255)).astype(np.uint8)


def expect_read_alike(path: str) -> None:
    """ValueError for a label map that mmseg reads as other values than the file has.

    Of most files the first bytes tell that it does not; of others pixels are read.
    """
    with open(path, "rb") as file:
        head = file.read(PNG_COLOR_TYPE_AT + 1)
        if head.startswith(PNG) and (head[-2:-1] in (b"\x01", b"\x08") or head[-1] == PALETTE):
            return
        content = head + file.read()
    with Image.open(io.BytesIO(content)) as image:
        expect_kept(image, content)
        read, white = np.array(image), white_of(image, content)
    if white < 255 and read.any():
        value = unstretched(read, white).max()
        raise ValueError(
            f"expected a label map of 8 bits, got grays from 0 to {white}, of which mmseg reads {value} as "
            f"{read.max()}: {FIX}"
        )
    kept = read.astype(np.uint8)
    if read.dtype != bool and (strange := read[read != kept]).size:
        raise ValueError(
            f"expected a label map of whole numbers from 0 to 255, got {strange[0]} (Pillow's mode {image.mode}), "
            f"which mmseg reads as {kept[read != kept][0]}: number the classes from 0 and {FIX}"
        )
