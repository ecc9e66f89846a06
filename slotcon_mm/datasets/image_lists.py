"""Which images there are: those below folders, in one sorted order, or those that a text file lists."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmengine.logging import print_log

from slotcon_mm.checks import listing

__all__ = ["list_images", "read_list", "walk_images"]

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp")


def list_images(root: str | Path, folders: Sequence[str] = ("",)) -> list[str]:
    """Paths of the images below ``folders`` of ``root``, sorted, so that a seed means the same run everywhere.

    Pipes, broken links and the like are left out, with a warning that names them.

    Raises:
        ValueError: A folder does not exist or cannot be read, or holds no image.
    """
    paths: list[str] = []
    for folder in sorted(set(folders)):
        top = os.path.join(root, folder) if folder else str(root)
        if not os.path.isdir(top):
            raise ValueError(
                f"expected a folder of images, got {top}, which does not exist: correct the config's data_root, or "
                "pass --cfg-options train_dataloader.dataset.data_root=FOLDER"
            )
        entries = list(walk_images(top, set()))
        found = sorted(path for path, is_file in entries if is_file)
        strange = sorted(path for path, is_file in entries if not is_file)
        if strange:
            print_log(
                f"left out, since they are named like images but are no files: {listing(strange)}", "current", level=30
            )
        if not found:
            raise ValueError(f"expected images ({', '.join(EXTENSIONS)}) below {top}, got none")
        paths += found
    return paths


def walk_images(folder: str, seen: set[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    """Paths of entries named like images, and whether each is a file.

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
                    yield from walk_images(entry.path, seen)
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
    """Paths of a list's images below ``root``, in the list's order; names may have any bytes but a line's end.

    Raises:
        ValueError: There is no such list, or it is empty.
    """
    if not os.path.isfile(path):
        raise ValueError(f"expected a list of images (dataset.ann_file), got {path}, which does not exist")
    lines = (line.removesuffix(b"\r") for line in Path(path).read_bytes().split(b"\n"))
    names = [os.fsdecode(line) for line in lines if line]
    if not names:
        raise ValueError(f"expected a list of images, got {path}, which is empty")
    return [os.path.join(root, name) for name in names]
