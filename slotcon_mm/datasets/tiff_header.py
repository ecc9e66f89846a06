"""What the first directory of a TIFF file says, which OpenCV needs help with.

Source: TIFF revision 6.0 (Adobe, 1992), section 2 and appendix A; BigTIFF as libtiff writes it.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

__all__ = ["TiffHeader", "read_tiff_header"]

WIDTH, HEIGHT, BITS, PHOTOMETRIC, ORIENTATION, CHANNELS, PLANES, SAMPLE_FORMAT = 256, 257, 258, 262, 274, 277, 284, 339
DEFAULTS = {BITS: 1, PHOTOMETRIC: 1, CHANNELS: 1, PLANES: 1, SAMPLE_FORMAT: 1}
VALUES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # a field's type and its format in struct
SAMPLE_KINDS = {1: "unsigned", 2: "signed", 3: "floating-point"}


class TiffHeader(NamedTuple):
    """Of the first page.

    Attributes:
        width, height: In pixels.
        bits: Of a value.
        channels: Values of a pixel.
        kind: Of its values.
        is_inverted: Whether 0 is white.
        is_planar: Whether channels lie one after the other.
        has_more_pages: Whether another page follows.
        orientation_at: Where its orientation stands, as (place, format in struct); None if it has none.
    """

    width: int
    height: int
    bits: int
    channels: int
    kind: str
    is_inverted: bool
    is_planar: bool
    has_more_pages: bool
    orientation_at: tuple[int, str] | None

    def not_read(self) -> str:
        """Why values of this kind have no shade of gray; empty for those that have."""
        if self.kind != "unsigned" or self.bits > 16:
            return (
                f"{self.bits}-bit {self.kind} values, whose black and white the file does not tell: save 8 or 16 bits"
            )
        if self.channels > 4 or (self.bits > 8 and self.channels == 2):
            return f"{self.channels} channels of {self.bits} bits: save one, or three of color"
        if self.bits > 8 and self.is_planar and self.channels > 1:  # OpenCV 5.0 fills them with noise
            return f"{self.bits}-bit channels one after the other (planar): save them pixel by pixel"
        if self.bits > 8 and self.is_inverted:
            return f"{self.bits}-bit values of which 0 is white: save them with 0 for black"
        return ""

    def as_stored(self, content: bytes) -> bytes:
        """The file without an orientation."""
        if self.orientation_at is None:
            return content
        changed = bytearray(content)
        place, form = self.orientation_at
        struct.pack_into(form, changed, place, 1)
        return bytes(changed)


def read_tiff_header(content: Any) -> TiffHeader | None:
    """Of a file's content, bytes or a memory map; None for what is no TIFF, or a damaged one."""
    try:
        return parse(content)
    except (struct.error, KeyError, OverflowError):  # OverflowError: a place beyond any file
        return None


def parse(content: Any) -> TiffHeader | None:
    order = {b"II": "<", b"MM": ">"}.get(bytes(content[:2]))
    if order is None:
        return None
    (version,) = struct.unpack_from(order + "H", content, 2)
    if version not in (42, 43):
        return None
    is_big = version == 43
    number, count, start = ("Q", "Q", 8) if is_big else ("I", "H", 4)
    (directory,) = struct.unpack_from(order + number, content, start)
    (length,) = struct.unpack_from(order + count, content, directory)
    entry = struct.Struct(order + "HH" + number)
    place = directory + struct.calcsize(count)
    step = entry.size + struct.calcsize(number)
    values, orientation_at = dict(DEFAULTS), None
    for at in range(place, place + length * step, step):
        tag, kind, many = entry.unpack_from(content, at)
        if kind not in VALUES or many == 0:
            continue
        form, at_value = order + VALUES[kind], at + entry.size
        if tag == ORIENTATION:
            orientation_at = (at_value, form)
        if many * struct.calcsize(VALUES[kind]) > struct.calcsize(number):
            (at_value,) = struct.unpack_from(order + number, content, at_value)
        if tag in (WIDTH, HEIGHT, *DEFAULTS):
            (values[tag],) = struct.unpack_from(form, content, at_value)
    (next_page,) = struct.unpack_from(order + number, content, place + length * step)
    return TiffHeader(
        values[WIDTH],
        values[HEIGHT],
        values[BITS],
        values[CHANNELS],
        SAMPLE_KINDS.get(values[SAMPLE_FORMAT], "other"),
        values[PHOTOMETRIC] == 0,
        values[PLANES] == 2,
        next_page != 0,
        orientation_at,
    )
