"""Image files of every kind that people have."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

GRADIENT = np.linspace(0, 255, 40).astype(np.uint8)[None].repeat(30, axis=0)
RED = Image.new("RGB", (40, 30), (250, 10, 5))

__all__ = ["GRADIENT", "READABLE", "RED", "UNREADABLE", "encoded", "large_image", "netpbm", "packed", "tiff"]


def encoded(image: Image.Image, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(RED, "JPEG", exif=exif)


def large_image(width: int, height: int) -> bytes:
    """A PNG of that size whose header is true and whose pixels are missing: a kilobyte stands for gigabytes."""
    small = encoded(Image.new("RGB", (1, 1)), "PNG")
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    header = b"IHDR" + size + small[24:29]
    return small[:12] + header + zlib.crc32(header).to_bytes(4, "big") + small[33:]


def tiff(values: bytes, width: int, height: int, *, order: str = "<", bits: int = 8, **tags: int) -> bytes:
    """An uncompressed TIFF of one strip; tags: channels, photometric, compression, extra,
    sample_format, orientation, big."""
    channels, is_big = tags.get("channels", 1), tags.get("big", 0)
    number, size = ("Q", 8) if is_big else ("I", 4)
    fields = {
        256: ("I", [width]), 257: ("I", [height]), 258: ("H", [bits] * channels),
        259: ("H", [tags.get("compression", 1)]),
        262: ("H", [tags.get("photometric", 1 if channels == 1 else 2)]), 273: (number, [0]),
        277: ("H", [channels]), 278: ("I", [height]), 279: ("I", [len(values)]),
        339: ("H", [tags.get("sample_format", 1)] * channels),
    }  # fmt: skip
    if "orientation" in tags:
        fields[274] = ("H", [tags["orientation"]])
    if "extra" in tags:  # of each channel beyond the colors
        colors = 3 if fields[262][1] == [2] else 1
        fields[338] = ("H", [tags["extra"]] + [0] * (channels - colors - 1))
    start = 16 if is_big else 8
    count = struct.pack(order + ("Q" if is_big else "H"), len(fields))
    end = start + len(count) + len(fields) * (4 + 2 * size) + size
    long = b"".join(
        b"" if len(items) * struct.calcsize(form) <= size else struct.pack(order + form * len(items), *items)
        for form, items in (fields[tag] for tag in sorted(fields))
    )
    fields[273] = (number, [end + len(long)])
    entries, placed = b"", end
    for tag in sorted(fields):
        form, items = fields[tag]
        content = struct.pack(order + form * len(items), *items)
        if len(content) > size:
            content, placed = struct.pack(order + number, placed), placed + len(content)
        kind = {"H": 3, "I": 4, "Q": 16}[form]
        entries += struct.pack(order + "HH" + number, tag, kind, len(items)) + content.ljust(size, b"\0")
    mark = b"II" if order == "<" else b"MM"
    head = struct.pack(order + "HHHQ", 43, 8, 0, 16) if is_big else struct.pack(order + "HI", 42, 8)
    return mark + head + count + entries + bytes(size) + long + values


def packed(values_HW: np.ndarray, bits: int) -> bytes:
    """Rows of numbers of so many bits, one after the other."""
    planes = (values_HW[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(planes.reshape(len(values_HW), -1).astype(np.uint8), axis=1).tobytes()


def netpbm(values: np.ndarray, white: int) -> bytes:
    kind, big = ("P6" if values.ndim == 3 else "P5"), ("u1" if white < 256 else ">u2")
    return (
        f"{kind}\n# a comment 1 2\n{values.shape[1]} {values.shape[0]}\n{white}\n".encode()
        + values.astype(big).tobytes()
    )


WIDE = GRADIENT.astype(np.uint16) * 257
COLORED = np.full((30, 40, 3), (250, 10, 5)) * 257

# name: content, (height, width), a pixel's color
READABLE: dict[str, tuple[bytes, tuple[int, int], tuple[int, int, int] | None]] = {
    "color.jpg": (encoded(RED, "JPEG"), (30, 40), (250, 10, 5)),
    "progressive.jpg": (encoded(RED, "JPEG", progressive=True), (30, 40), (250, 10, 5)),
    "cmyk.jpg": (encoded(Image.new("CMYK", (40, 30), (0, 255, 255, 0)), "JPEG"), (30, 40), (255, 0, 0)),
    "gray.jpg": (encoded(Image.fromarray(GRADIENT), "JPEG"), (30, 40), None),
    "gray.webp": (encoded(Image.fromarray(GRADIENT), "WEBP"), (30, 40), None),
    "turned.jpg": (turned(), (40, 30), (250, 10, 5)),
    "palette.png": (encoded(RED.convert("P", palette=Image.Palette.ADAPTIVE), "PNG"), (30, 40), (250, 10, 5)),
    "alpha.png": (encoded(Image.new("RGBA", (40, 30), (9, 200, 30, 128)), "PNG"), (30, 40), (9, 200, 30)),
    "sixteen-bit.png": (encoded(Image.fromarray(GRADIENT.astype(np.uint16) * 257), "PNG"), (30, 40), None),
    "black-and-white.png": (encoded(Image.new("1", (40, 30), 1), "PNG"), (30, 40), (255, 255, 255)),
    "animated.webp": (
        encoded(RED, "WEBP", save_all=True, append_images=[Image.new("RGB", (40, 30))], lossless=True),
        (30, 40),
        (250, 10, 5),
    ),
    "really-a-png.jpg": (encoded(RED, "PNG"), (30, 40), (250, 10, 5)),
    "one.png": (encoded(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG"), (1, 1), (1, 2, 3)),
    "line.png": (encoded(Image.new("RGB", (300, 1), (1, 2, 3)), "PNG"), (1, 300), (1, 2, 3)),
    "color.tif": (encoded(RED, "TIFF"), (30, 40), (250, 10, 5)),
    "compressed.TIFF": (encoded(RED, "TIFF", compression="tiff_lzw"), (30, 40), (250, 10, 5)),
    "cmyk.tif": (encoded(Image.new("CMYK", (40, 30), (0, 255, 255, 0)), "TIFF"), (30, 40), (255, 0, 0)),
    "turned.tif": (encoded(RED, "TIFF", tiffinfo={274: 6}), (40, 30), (250, 10, 5)),
    "pages.tif": (
        encoded(RED, "TIFF", save_all=True, append_images=[Image.new("RGB", (9, 9))]),
        (30, 40),
        (250, 10, 5),
    ),
    "sixteen-bit.tif": (tiff(WIDE.astype(">u2").tobytes(), 40, 30, order=">", bits=16), (30, 40), None),
    "sixteen-bit-color.tif": (
        tiff(COLORED.astype("<u2").tobytes(), 40, 30, bits=16, channels=3),
        (30, 40),
        (250, 10, 5),
    ),
    "big.tif": (tiff(WIDE.astype("<u2").tobytes(), 40, 30, bits=16, big=1), (30, 40), None),
    "twelve-bit.tif": (tiff(packed(WIDE >> 4, 12), 40, 30, bits=12), (30, 40), None),
    "alpha.tif": (encoded(Image.new("RGBA", (40, 30), (9, 200, 30, 0)), "TIFF"), (30, 40), (9, 200, 30)),
    "color.bmp": (encoded(RED, "BMP"), (30, 40), (250, 10, 5)),
    "color.ppm": (netpbm(COLORED >> 8, 255), (30, 40), (250, 10, 5)),
    "sixteen-bit.ppm": (netpbm(COLORED, 65535), (30, 40), (250, 10, 5)),
    "twelve-bit.pgm": (netpbm(WIDE >> 4, 4095), (30, 40), None),
    "six-bit.pgm": (netpbm(GRADIENT >> 2, 63), (30, 40), None),
    "no-last-line.ppm": (
        b"P3 40 30 255\n" + b" ".join(b"250 10 5" for _ in range(1200)),
        (30, 40),
        (250, 10, 5),
    ),
    "alpha.pnm": (
        b"P7\nWIDTH 40\nHEIGHT 30\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n" + bytes((9, 200, 30, 0)) * 1200,
        (30, 40),
        (9, 200, 30),
    ),
    os.fsdecode(b"not-utf8-\xe9.jpg"): (encoded(RED, "JPEG"), (30, 40), (250, 10, 5)),
}


def write(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


# name: how it is made, the reason that the message gives
UNREADABLE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "cut-off.jpg": (write(encoded(Image.fromarray(GRADIENT), "JPEG")[:-40]), "cut off, or no image"),
    "cut-off.png": (write(encoded(Image.fromarray(GRADIENT), "PNG")[:-20]), "cut off, or no image"),
    "cut-off.webp": (write(encoded(Image.fromarray(GRADIENT), "WEBP")[:-20]), "cut off, or no image"),
    "header-only.jpg": (write(b"\xff\xd8\xff\xe0 cut off"), "cut off, or no image"),
    "text.png": (write(b"no image"), "cut off, or no image"),
    "page.jpg": (write(b"<html><body>404</body></html>"), "cut off, or no image"),
    "empty.jpg": (lambda path: path.touch(), "empty"),
    "cut-off.tif": (write(encoded(Image.fromarray(GRADIENT), "TIFF")[:-700]), "cut off, or no image"),
    "cut-off.bmp": (write(encoded(Image.fromarray(GRADIENT), "BMP")[:-700]), "cut off, or no image"),
    "cut-off.ppm": (write(netpbm(COLORED >> 8, 255)[:-700]), "cut off, or no image"),
    "float.tif": (write(encoded(Image.fromarray(GRADIENT.astype(np.float32)), "TIFF")), "32-bit floating-point values"),
    "signed.tif": (write(tiff(WIDE.tobytes(), 40, 30, bits=16, sample_format=2)), "16-bit signed values"),
    "five-channels.tif": (write(tiff(bytes(6000), 40, 30, channels=5)), "5 channels of 8 bits"),
    "white-is-zero.tif": (write(tiff(WIDE.tobytes(), 40, 30, bits=16, photometric=0)), "of which 0 is white"),
    "four-bit.tif": (write(tiff(packed(WIDE >> 12, 4), 40, 30, bits=4)), "4-bit gray, which is not read"),
    "large.tif": (write(tiff(b"", 20_000, 20_000, bits=16, channels=3)), "pixels, at most 178956970 are read"),
    "large.png": (write(large_image(20_000, 20_000)), "pixels, at most 178956970 are read"),
    "bomb.png": (write(large_image(65_000, 65_000)), "pixels, at most 178956970 are read"),
    "pipe.jpg": (os.mkfifo, "it is no file"),
    "loop.jpg": (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    "broken-link.jpg": (lambda path: path.symlink_to(path.parent / "nowhere"), "No such file"),
    "folder.jpg": (lambda path: path.mkdir(), "it is no file"),
}
