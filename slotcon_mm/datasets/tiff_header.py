"""What the first directory of a TIFF file says, which OpenCV needs help with.

Source: TIFF revision 6.0 (Adobe, 1992), section 2 and appendix A; BigTIFF as libtiff writes it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["EXTRA_CHANNELS", "ORIENTATION", "PHOTOMETRIC", "TiffHeader", "read_tiff_header", "rewritten"]

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, ORIENTATION = 256, 257, 258, 259, 262, 274
CHANNELS, PLANES, EXTRA_CHANNELS, SAMPLE_FORMAT = 277, 284, 338, 339
DEFAULTS = {BITS: 1, COMPRESSION: 1, PHOTOMETRIC: 1, CHANNELS: 1, PLANES: 1, EXTRA_CHANNELS: 0, SAMPLE_FORMAT: 1}
UNUSED = 335  # a tag that means nothing
VALUES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # a field's type and its format in struct
SHORT = 3
SAMPLE_KINDS = {1: "unsigned", 2: "signed", 3: "floating-point"}


class TiffHeader(NamedTuple):
    """Of the first page.

    Attributes:
        width, height: In pixels.
        bits: Of a value.
        channels: Values of a pixel.
        kind: Of its values.
        compression, photometric: The numbers of the specification.
        extra: What the first channel beyond the colors is: 1 alpha that colors are multiplied by, 2 alpha that they are
            not multiplied by, 0 not said.
        is_planar: Whether channels lie one after the other.
        has_more_pages: Whether another page follows.
        places: Of the entries, by their tags.
        form: Of an entry up to its value, and of the room for that, in struct's spelling.
    """

    width: int
    height: int
    bits: int
    channels: int
    kind: str
    compression: int
    photometric: int
    extra: int
    is_planar: bool
    has_more_pages: bool
    places: dict[int, int]
    form: tuple[str, int]


def rewritten(content: bytes, header: TiffHeader, values: Mapping[int, int | None]) -> bytes:
    """The file with other values of tags that it has; None: without the tag."""
    values = {tag: value for tag, value in values.items() if tag in header.places}
    if not values:
        return content
    changed = bytearray(content)
    form, room = header.form
    for tag, value in values.items():
        entry = struct.pack(form, UNUSED if value is None else tag, SHORT, 1)
        number = struct.pack(form[0] + "H", value or 0).ljust(room, b"\0")
        changed[header.places[tag] : header.places[tag] + len(entry) + room] = entry + number
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
    values, places = dict(DEFAULTS), {}
    for at in range(place, place + length * step, step):
        tag, kind, many = entry.unpack_from(content, at)
        if kind not in VALUES or many == 0:
            continue
        form, at_value = order + VALUES[kind], at + entry.size
        places[tag] = at
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
        values[COMPRESSION],
        values[PHOTOMETRIC],
        values[EXTRA_CHANNELS],
        values[PLANES] == 2,
        next_page != 0,
        places,
        (entry.format, struct.calcsize(number)),
    )
