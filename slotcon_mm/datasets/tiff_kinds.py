"""Which kinds of TIFF OpenCV reads right, and which it does once a tag of them is changed."""

from __future__ import annotations

from slotcon_mm.datasets.tiff_header import EXTRA_CHANNELS, ORIENTATION, PHOTOMETRIC, TiffHeader, rewritten

__all__ = ["as_opencv_reads_it", "not_decoded", "not_read"]

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE = 0, 1, 2, 3
KINDS = {0: "gray", 1: "gray", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab"}
ALPHA_APART = 2  # colors are not multiplied by it
# of bits, the photometric kinds that OpenCV 5.0 was seen to read
DECODED = {1: (0, 1, 3), 4: (3,), 8: (*KINDS,), 10: (1, 2), 12: (1, 2), 14: (1, 2), 16: (1, 2)}
METHODS_READ = (1, 2, 3, 4, 5, 7, 8, 32773, 32946)  # none, CCITT's, LZW, JPEG, deflate, PackBits
# read where libtiff was built with them, which it says; of all others OpenCV 5.0 makes a black image without a word
METHODS_PERHAPS_READ = (6, 34661, 34887, 34925, 50000, 50001)
METHODS = {
    6: "old JPEG", 34661: "JBIG", 33003: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000", 34887: "LERC",
    34925: "LZMA", 50000: "Zstandard", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL",
}  # fmt: skip


def not_read(header: TiffHeader) -> str:
    """Why values of this kind have no shade of gray, or OpenCV gets them wrong; empty for others."""
    bits, channels = header.bits, header.channels
    if header.kind != "unsigned" or bits > 16:
        return f"{bits}-bit {header.kind} values, whose black and white the file does not tell: save 8 or 16 bits"
    if channels > 4 or (bits > 8 and channels == 2):
        return f"{channels} channels of {bits} bits: save one, or three of color"
    if bits > 8 and header.is_planar and channels > 1:  # OpenCV 5.0 fills them with noise
        return f"{bits}-bit channels one after the other (planar): save them pixel by pixel"
    if header.photometric == WHITE_IS_ZERO and bits > 8:
        return f"{bits}-bit values of which 0 is white: save them with 0 for black"
    if header.photometric == WHITE_IS_ZERO and channels > 2:
        return f"{channels} channels of which 0 is white: save them with 0 for black"
    return "" if header.compression in METHODS_PERHAPS_READ else method_not_read(header)


def not_decoded(header: TiffHeader) -> str:
    """What is unusual about a file that OpenCV has refused; empty where nothing is."""
    if reason := method_not_read(header):
        return reason
    if header.photometric not in DECODED.get(header.bits, ()):
        kind = KINDS.get(header.photometric, f"photometric {header.photometric}")
        return f"{header.bits}-bit {kind}, which is not read: save 8-bit gray or RGB"
    return ""


def method_not_read(header: TiffHeader) -> str:
    if header.compression in METHODS_READ:
        return ""
    method = METHODS.get(header.compression, f"method {header.compression}")
    return f"compressed by {method}, which is not read: save it with deflate or LZW, or without compression"


def as_opencv_reads_it(content: bytes, header: TiffHeader, *, exif: bool) -> bytes:
    """The file with the tags with which OpenCV yields its colors as they are stored.

    Of 8 bits, OpenCV 5.0 (libtiff) multiplies colors by an alpha of its own channel, and of three or four channels that
    are said to be gray it reads the first; of 16 bits it does neither. It turns a TIFF whatever its flags say.
    """
    changes: dict[int, int | None] = {} if exif else {ORIENTATION: 1}
    if header.bits == 8 and header.channels in (3, 4) and header.photometric == BLACK_IS_ZERO:
        changes |= {PHOTOMETRIC: RGB, EXTRA_CHANNELS: 0 if header.channels == 4 else None}
    elif header.bits == 8 and header.photometric == RGB and header.extra == ALPHA_APART:
        changes[EXTRA_CHANNELS] = 0
    return rewritten(content, header, changes)
