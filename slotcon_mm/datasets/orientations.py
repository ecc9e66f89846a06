"""Labeled images that carry an EXIF orientation, by which some programs turn them and others do not."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from slotcon_mm.checks import printable
from slotcon_mm.datasets.image_samples import spread

__all__ = ["if_turned", "is_turned", "turned_images"]

TRIED = 64  # images whose headers are looked at
ORIENTATION = 0x0112  # EXIF tag


def is_turned(path: str) -> bool:
    """Whether a file asks to be turned; not one that cannot be read, which is said by what reads it."""
    try:
        with Image.open(path) as image:
            if image.format == "PNG" and "exif" not in image.info:  # else Pillow would look for it behind the pixels
                return False
            return image.getexif().get(ORIENTATION, 1) != 1
    except Exception:  # decoders raise many kinds
        return False


def if_turned(path: str) -> str:
    """The end of a message about labels of another size than an image: the reason, if it carries an orientation."""
    if not is_turned(path):
        return ""
    return ": the image carries an EXIF orientation and is read as stored; if labels were drawn on it turned, turn it"


def turned_images(count: int, path_of: Callable[[int], str]) -> str | None:
    """A line that says how many of so many labeled images carry an EXIF orientation, if any do.

    Of more than ``TRIED``, some are looked at.
    """
    chosen = [path_of(index) for index in spread(range(count), TRIED)]
    found = [path for path in chosen if is_turned(path)]
    if not found:
        return None
    return (
        f"{len(found)} of {len(chosen)} images looked at carry an EXIF orientation, {printable(found[0])} for one: "
        "they are read as stored. If their labels were drawn on turned images, turn the files"
    )
