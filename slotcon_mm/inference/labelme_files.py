"""Named groups as labelme's JSON, a file for each image."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cv2

import slotcon_mm
from slotcon_mm.inference.group_names import GroupNames
from slotcon_mm.inference.outlines import parts_by_category
from slotcon_mm.inference.outputs import Source, begins_with, free_path, is_local

__all__ = ["labelme_files"]

OURS = "slotcon_mm "  # before the version; labelme puts its own there when a person saves the file


@contextmanager
def labelme_files(
    folder: Path, names: GroupNames, sources: Sequence[Source]
) -> Iterator[Callable[[Source, dict[str, Any]], Path]]:
    """What is yielded writes an image's ``STEM.json`` and returns its path: a polygon for each part of a category.

    The image is found by its path from the file's folder; addresses and arrays are embedded. A file that labelme has
    saved since is a person's work and stays.
    """
    yield partial(write_shapes, folder, names)


def write_shapes(folder: Path, names: GroupNames, source: Source, prediction: dict[str, Any]) -> Path:
    path = free_path(folder, f"{source.stem}.json", source.identity, {".json": is_own})
    height, width = prediction["group_map"].shape
    shapes = [
        dict(
            label=names.categories[category_id - 1], points=part.polygon_n2.tolist(), group_id=None, description="",
            shape_type="polygon", flags={},
        )
        for category_id, part in parts_by_category(names.category_map(prediction["group_map"]))
    ]  # fmt: skip
    content = dict(
        flags={}, shapes=shapes, imagePath=image_path(source, path), imageData=None, imageHeight=height,
        imageWidth=width,
    )  # fmt: skip
    if not is_local(source.given):
        png = cv2.imencode(".png", cv2.cvtColor(prediction["image"], cv2.COLOR_RGB2BGR))[1]
        content["imageData"] = base64.b64encode(png.tobytes()).decode("ascii")
    begun = f'{beginning_of(source.identity)}{slotcon_mm.__version__}", '
    path.write_text(begun + json.dumps(content).removeprefix("{"), encoding="utf-8")
    return path


def beginning_of(identity: str) -> str:
    return f'{{"slotcon_mm_input": "{identity}", "version": "{OURS}'


def image_path(source: Source, path: Path) -> str:
    """As labelme wants it: from the folder of its file."""
    if not is_local(source.given):
        return source.file_name
    return Path(os.path.relpath(source.given, path.parent)).as_posix()


def is_own(path: Path, identity: str) -> bool:
    """Whether an earlier call wrote it for this input, and labelme has not saved it since."""
    return begins_with(path, beginning_of(identity))
