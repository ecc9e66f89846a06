"""A data set of unlabelled pictures: every picture below one or more folders, or those of a list."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from slotcon_mm.checks import RunStoppedError, expect_share, listing
from slotcon_mm.datasets.transforms.load_image import UnreadablePictureError
from slotcon_mm.registry import DATASETS

__all__ = ["PictureFolder", "list_pictures", "read_list"]

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp")


@DATASETS.register_module()
class PictureFolder(BaseDataset):
    """All pictures (JPEG, PNG, WebP) below ``data_root``, nested or not, as one sorted list; no annotation is read.

    Args:
        data_root: The folder.
        folders: Sub-folders to take, in place of all: COCO+ is ``('train2017', 'unlabeled2017')``.
        ann_file: A text file with a picture's path, relative to ``data_root``, a line, in place of folders; such as
            ``tools/check_dataset.py`` writes. (As in all of MMEngine, it is itself looked for in ``data_root`` unless
            absolute.)
        unreadable: ``'stop'``: the run ends at the first picture that cannot be read. ``'skip'``: another one takes its
            place, a function of its index alone, with the draws of the one that it replaces.
        max_unreadable: Share of the pictures from which on ``'skip'`` ends the run all the same.
        pipeline: Transforms, as in every MMEngine data set.
        **kwargs: Of MMEngine's BaseDataset: ``indices``, ``max_refetch``, ``lazy_init``, ...
    """

    def __init__(
        self,
        data_root: str,
        folders: Sequence[str] = ("",),
        ann_file: str = "",
        unreadable: str = "stop",
        max_unreadable: float = 0.01,
        pipeline: Sequence[Any] = (),
        **kwargs: Any,
    ) -> None:
        if unreadable not in ("stop", "skip"):
            raise ValueError(f"expected unreadable='stop' or 'skip', got {unreadable!r}")
        expect_share(max_unreadable=max_unreadable)
        self.folders = [folders] if isinstance(folders, str) else list(folders)
        self.unreadable, self.max_unreadable = unreadable, max_unreadable
        super().__init__(data_root=data_root, ann_file=ann_file, pipeline=list(pipeline), **kwargs)

    def full_init(self) -> None:
        super().full_init()
        if not hasattr(self, "is_unreadable"):
            # in shared memory: worker processes find them, the main process counts them
            self.is_unreadable = torch.zeros(len(self), dtype=torch.bool).share_memory_()

    def load_data_list(self) -> list[dict[str, Any]]:
        paths = (
            read_list(self.ann_file, self.data_root) if self.ann_file else list_pictures(self.data_root, self.folders)
        )
        return [{"img_path": path} for path in paths]

    def prepare_data(self, idx: int) -> Any:
        info = self.get_data_info(idx)
        try:
            return self.pipeline(info)
        except UnreadablePictureError:
            if self.unreadable == "stop":
                raise
        self.note_unreadable(idx)
        for attempt in range(self.max_refetch):
            other = int(np.random.default_rng([idx, attempt]).integers(len(self)))
            if self.is_unreadable[other]:
                continue
            try:
                return self.pipeline({**self.get_data_info(other), "sample_idx": info["sample_idx"]})
            except UnreadablePictureError:
                self.note_unreadable(other)
        raise RunStoppedError(
            f"expected a readable picture in place of {info['img_path']}, got none in {self.max_refetch} tries"
        )

    def note_unreadable(self, idx: int) -> None:
        """Raises RunStoppedError where there are more than ``max_unreadable``."""
        self.is_unreadable[idx] = True
        found = self.unreadable_pictures()
        if len(found) > self.max_unreadable * len(self):
            raise RunStoppedError(
                f"expected at most {self.max_unreadable:.2%} unreadable pictures (max_unreadable), got {len(found)} of "
                f"{len(self)}: {listing(found)}. tools/check_dataset.py lists them all"
            )

    def unreadable_pictures(self) -> list[str]:
        """Paths of those found so far, in the order of the list."""
        return [self.get_data_info(int(i))["img_path"] for i in self.is_unreadable.nonzero().flatten()]


def list_pictures(root: str | Path, folders: Sequence[str] = ("",)) -> list[str]:
    """Paths of the pictures below ``folders`` of ``root``, sorted, so that a seed means the same run everywhere.

    Pipes, broken links and the like are left out, with a warning that names them.

    Raises:
        ValueError: A folder does not exist or cannot be read, or holds no picture.
    """
    paths: list[str] = []
    for folder in sorted(set(folders)):
        top = os.path.join(root, folder) if folder else str(root)
        if not os.path.isdir(top):
            raise ValueError(
                f"expected a folder of pictures, got {top}, which does not exist: mend the config's data_root, or pass "
                "--cfg-options train_dataloader.dataset.data_root=FOLDER"
            )
        entries = list(walk_pictures(top, set()))
        found = sorted(path for path, is_file in entries if is_file)
        strange = sorted(path for path, is_file in entries if not is_file)
        if strange:
            print_log(f"named like pictures, but no files, and left out: {listing(strange)}", "current", level=30)
        if not found:
            raise ValueError(f"expected pictures ({', '.join(EXTENSIONS)}) below {top}, got none")
        paths += found
    return paths


def walk_pictures(folder: str, seen: set[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    """Paths of entries named like pictures, and whether each is a file.

    Links to folders are followed, each real folder once, so that a loop of links ends.
    """
    try:
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_kind(entry, "is_dir"):
                    yield from walk_pictures(entry.path, seen)
                elif entry.name.lower().endswith(EXTENSIONS):
                    yield entry.path, is_kind(entry, "is_file")
    except PermissionError as error:
        raise ValueError(f"expected a folder that can be read, got {folder} ({error.strerror})") from error


def is_kind(entry: os.DirEntry, kind: str) -> bool:
    """``entry.is_dir()`` or ``entry.is_file()``; a link to itself is neither."""
    try:
        return getattr(entry, kind)()
    except OSError:
        return False


def read_list(path: str, root: str) -> list[str]:
    """Paths of a list's pictures below ``root``, in the list's order; names may have any bytes but a line's end.

    Raises:
        ValueError: There is no such list, or it is empty.
    """
    if not os.path.isfile(path):
        raise ValueError(f"expected a list of pictures (dataset.ann_file), got {path}, which does not exist")
    lines = (line.removesuffix(b"\r") for line in Path(path).read_bytes().split(b"\n"))
    names = [os.fsdecode(line) for line in lines if line]
    if not names:
        raise ValueError(f"expected a list of pictures, got {path}, which is empty")
    return [os.path.join(root, name) for name in names]
