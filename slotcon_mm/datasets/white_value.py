"""Which number in a file stands for white, and its numbers as 8 bits.

Files of 16 bits often hold the 10, 12 or 14 bits of a sensor, in numbers from 0: read as 16 bits they are black. No
format says reliably how many are used (PNG's ``sBIT`` speaks of numbers that were scaled to 16 bits). So ``bit_depth``
says it, for a whole dataset: stretching each image would give one gray value another meaning in each.
"""

from __future__ import annotations

import numpy as np

from slotcon_mm.datasets.netpbm import stated_maximum
from slotcon_mm.datasets.tiff_header import TiffHeader

__all__ = ["BIT_DEPTHS", "expect_bit_depth", "stated_white", "to_8_bits"]

BIT_DEPTHS = range(8, 17)
PNG = b"\x89PNG\r\n\x1a\n"
PNG_BIT_DEPTH_AT = 24


def expect_bit_depth(bit_depth: int | None) -> None:
    """ValueError for what is no bit depth."""
    if bit_depth is not None and bit_depth not in BIT_DEPTHS:
        raise ValueError(f"expected bit_depth as a whole number from 8 to 16, or None, got {bit_depth!r}")


def stated_white(content: bytes, header: TiffHeader | None) -> int | None:
    """White in what OpenCV decodes, as far as the file says; None: of its 16 bits it does not say how many are used.

    Args:
        content: Of the file.
        header: Its own, if it is a TIFF.
    """
    if header is not None:
        # libtiff's 10, 12 and 14 bits come shifted to 16
        return None if header.bits == 16 else 255 if header.bits <= 8 else 65535
    if content.startswith(PNG):
        return None if content[PNG_BIT_DEPTH_AT : PNG_BIT_DEPTH_AT + 1] == b"\x10" else 255
    if stated := stated_maximum(content):
        kind, white = stated
        if kind in b"23" and white <= 255:  # of numbers in text OpenCV has made white 255
            return 255
        return None if white == 65535 else white
    return 255


def to_8_bits(image: np.ndarray, white: int) -> np.ndarray:
    """Numbers 0 to ``white`` as 0 to 255: the highest 8 bits of those that ``white`` has, where it fills them.

    Numbers beyond ``white``, which a damaged file may hold, are white.
    """
    if white == 255:
        return image.astype(np.uint8, copy=False)
    image = np.minimum(image, white)
    if white > 255 and white & (white + 1) == 0:
        return (image >> (white.bit_length() - 8)).astype(np.uint8)
    return (image.astype(np.uint32) * 255 // white).astype(np.uint8)
