"""A folder of as many images as COCO has, made of links to a few, for measurements that depend on the names alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

__all__ = ["COCO_TRAIN2017", "folder_of_names"]

COCO_TRAIN2017 = 118_287
LINKS = 10_000  # a file; file systems allow some tens of thousands


@contextmanager
def folder_of_names(count: int, *, size: int = 48) -> Iterator[Path]:
    """A temporary folder of ``count`` names like COCO's, each a readable JPEG."""
    pixels = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    with TemporaryDirectory() as folder:
        names = Path(folder) / "train2017"
        names.mkdir()
        for number in range(count):
            path = names / f"{number * 5:012d}.jpg"
            if number % LINKS == 0:
                image = path
                Image.fromarray(pixels).save(image)
            else:
                os.link(image, path)
        yield names
