"""Named groups as one COCO JSON of instances."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import slotcon_mm
from slotcon_mm.atomic_files import open_atomically
from slotcon_mm.inference.group_names import GroupNames
from slotcon_mm.inference.outlines import parts_by_category
from slotcon_mm.inference.outputs import Source, digest_of, free_path

__all__ = ["coco_file"]


@contextmanager
def coco_file(
    folder: Path, names: GroupNames, sources: Sequence[Source]
) -> Iterator[Callable[[Source, dict[str, Any]], Path]]:
    """``instances.json`` of all images: what is yielded adds one, and returns the file's path.

    An annotation is a connected part of a category, as one polygon with ``iscrowd`` 0: CVAT and Label Studio import
    these, of RLE only some. Memory does not grow with the images; the file is there once it is whole. That of an
    earlier call with the same inputs is replaced, another one stays.
    """
    inputs = digest_of("\n".join(source.identity for source in sources))
    path = free_path(folder, "instances.json", inputs, {".json": belongs_to})
    info = dict(description=f"Groups of slotcon_mm {slotcon_mm.__version__}", inputs=inputs)
    categories = [dict(id=1 + i, name=name, supercategory="") for i, name in enumerate(names.categories)]
    with open_atomically(path) as file, tempfile.TemporaryFile(dir=folder) as images:
        file.write(f'{{"info": {json.dumps(info)}, "licenses": [], "categories": {json.dumps(categories)},\n'.encode())
        file.write(b'"annotations": [')
        annotation_rows, image_rows = Rows(file), Rows(images)

        def add(source: Source, prediction: dict[str, Any]) -> Path:
            height, width = prediction["group_map"].shape
            image_id = image_rows.count + 1
            image_rows.add(id=image_id, file_name=source.file_name, height=height, width=width)
            for category_id, part in parts_by_category(names.category_map(prediction["group_map"])):
                annotation_rows.add(
                    id=annotation_rows.count + 1, image_id=image_id, category_id=category_id, iscrowd=0,
                    segmentation=[part.polygon_n2.ravel().tolist()], area=part.area, bbox=part.box,
                )  # fmt: skip
            return path

        yield add
        file.write(b'\n],\n"images": [')
        images.seek(0)
        shutil.copyfileobj(images, file)
        file.write(b"\n]}\n")


class Rows:
    """Objects of a JSON array, written one after the other."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.count = file, 0

    def add(self, **row: Any) -> None:
        self.file.write((b",\n" if self.count else b"\n") + json.dumps(row, separators=(",", ":")).encode())
        self.count += 1


def belongs_to(path: Path, inputs: str) -> bool:
    """Whether a file is what an earlier call with the same inputs wrote: its beginning says so."""
    with open(path, "rb") as file:
        return f'"inputs": "{inputs}"'.encode() in file.read(1000)
