"""Image files of every kind that people have."""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

GRADIENT = np.linspace(0, 255, 40).astype(np.uint8)[None].repeat(30, axis=0)
RED = Image.new("RGB", (40, 30), (250, 10, 5))

__all__ = ["GRADIENT", "READABLE", "RED", "UNREADABLE", "encoded", "large_image"]


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
    "large.png": (write(large_image(20_000, 20_000)), "pixels, at most 178956970 are read"),
    "bomb.png": (write(large_image(65_000, 65_000)), "pixels, at most 178956970 are read"),
    "pipe.jpg": (os.mkfifo, "it is no file"),
    "loop.jpg": (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    "broken-link.jpg": (lambda path: path.symlink_to(path.parent / "nowhere"), "No such file"),
    "folder.jpg": (lambda path: path.mkdir(), "it is no file"),
}
