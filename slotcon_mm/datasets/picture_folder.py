"""A data set of unlabelled pictures: every picture below one or more folders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset

from slotcon_mm.registry import DATASETS

__all__ = ["PictureFolder", "list_pictures"]

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp")


@DATASETS.register_module()
class PictureFolder(BaseDataset):
    """All pictures (JPEG, PNG, WebP) below ``data_root``, nested or not, as one sorted list; no annotation is read.

    Args:
        data_root: The folder.
        folders: Sub-folders to take, in place of all: COCO+ is ``('train2017', 'unlabeled2017')``.
        pipeline: Transforms, as in every MMEngine data set.
        **kwargs: Of MMEngine's BaseDataset: ``indices``, ``max_refetch``, ``lazy_init``, ...
    """

    def __init__(self, data_root: str, folders: Sequence[str] = ("",), pipeline: Sequence[Any] = (), **kwargs: Any):
        self.folders = [folders] if isinstance(folders, str) else list(folders)
        super().__init__(data_root=data_root, pipeline=list(pipeline), **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        return [{"img_path": path} for path in list_pictures(self.data_root, self.folders)]


def list_pictures(root: str | Path, folders: Sequence[str] = ("",)) -> list[str]:
    """Paths of the pictures below ``folders`` of ``root``, sorted, so that a seed means the same run everywhere.

    Raises:
        ValueError: A folder does not exist, or holds no picture.
    """
    paths: list[str] = []
    for folder in sorted(set(folders)):
        top = os.path.join(root, folder) if folder else str(root)
        if not os.path.isdir(top):
            raise ValueError(
                f"expected a folder of pictures, got {top}, which does not exist: mend the config's data_root, or pass "
                "--cfg-options train_dataloader.dataset.data_root=FOLDER"
            )
        found = sorted(walk_pictures(top, set()))
        if not found:
            raise ValueError(f"expected pictures ({', '.join(EXTENSIONS)}) below {top}, got none")
        paths += found
    return paths


def walk_pictures(folder: str, seen: set[tuple[int, int]]) -> Iterator[str]:
    """Follows links to folders, each real folder once, so that a loop of links ends."""
    status = os.stat(folder)
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from walk_pictures(entry.path, seen)
            elif entry.name.lower().endswith(EXTENSIONS):
                yield entry.path
