"""Reading a label map's file, by values or by colors."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from slotcon_mm.checks import printable
from slotcon_mm.datasets.image_files import expect_sane_size, image_bytes
from slotcon_mm.datasets.label_storage import expect_kept, unstretched, white_of
from slotcon_mm.datasets.label_values import LabelSet, classes_of, classes_of_colors

__all__ = ["BadLabelMapError", "read_colors", "read_labels", "read_values"]

COLORED = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")  # Pillow's modes of 8 bits a channel


class BadLabelMapError(ValueError):
    """A label map that cannot be read, or is not of its label set; the message names the file."""


def read_labels(path: str, label_set: LabelSet) -> np.ndarray:
    """(H, W) uint8 classes, 255 where a pixel does not count.

    Raises:
        BadLabelMapError: The file is not a readable label map of that set; it is named.
    """
    try:
        if label_set.colors is not None:
            return classes_of_colors(read_colors(path), label_set)
        return classes_of(read_values(path), label_set)
    except ValueError as error:
        raise BadLabelMapError(f"{printable(path)}: {error}") from None


def read_values(path: str) -> np.ndarray:
    """The numbers in a label map's file: (H, W), of a palette image the indices, as Pascal VOC stores its classes.

    Raises:
        ValueError: The file cannot be read, or its format does not keep every value.
    """
    image, white = opened(path)
    return unstretched(np.array(image).astype(np.uint8) if image.mode == "1" else np.array(image), white)


def read_colors(path: str) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a label map drawn in colors, of a palette image its colors; alpha is left out.

    Raises:
        ValueError: The file cannot be read, its format does not keep every value, or it has other than 8 bits a
            channel.
    """
    image, _ = opened(path)
    if image.mode not in COLORED:
        raise ValueError(f"expected a label map of 8-bit colors, got Pillow's mode {image.mode}")
    return np.array(image.convert("RGB"))


def opened(path: str) -> tuple[Image.Image, int]:
    """Decoded, and the number in a gray file that became 255."""
    content = image_bytes(path)
    expect_sane_size(content, path)
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
    except UnidentifiedImageError:  # whose text is an address in memory
        raise ValueError("expected a readable label map, got a file that is cut off or no image") from None
    except Exception as error:  # a damaged file can stumble anywhere
        raise ValueError(f"expected a readable label map ({error})") from None
    expect_kept(image, content)
    return image, white_of(image, content)
