"""Which images there are: those below folders, in one sorted order, or those that a text file lists."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from mmengine.logging import print_log

from slotcon_mm.checks import listing, printable
from slotcon_mm.datasets.image_samples import what_is_odd
from slotcon_mm.text_files import as_utf8

__all__ = ["FoundImages", "distinct", "find_images", "lines_of", "list_images", "look_through", "paths_of", "read_list"]

EXTENSIONS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm",
)  # fmt: skip
# beside images in many datasets, and none themselves
COMPANIONS = (".txt", ".json", ".jsonl", ".xml", ".csv", ".tsv", ".yaml", ".yml", ".md", ".html", ".pdf", ".py")
# what file managers, archivers and storage leave in folders; names in lower case
SYSTEM_NAMES = frozenset(
    ("@eadir", "@recycle", "#recycle", "#snapshot", "$recycle.bin", "__macosx", "lost+found", "desktop.ini",
     "ehthumbs.db", "system volume information", "thumbs.db"),
)  # fmt: skip


class FoundImages(NamedTuple):
    """What lies below a folder.

    Attributes:
        folder: Its path.
        images: Sorted paths of files named like images.
        strange: Of pipes, broken links and the like that are named like images.
        hidden: Of files and folders that are hidden or a system's, which are not looked into.
        others: Of each ending of other files, how many; but for ``COMPANIONS``.
    """

    folder: str
    images: list[str]
    strange: list[str]
    hidden: list[str]
    others: Counter[str]

    def left_out(self) -> list[str]:
        """Lines for the log."""
        lines = []
        if self.strange:
            lines.append(f"left out, since they are named like images but are no files: {listing(self.strange)}")
        if self.hidden:
            lines.append(
                f"left out, since they are hidden or a system's own ({len(self.hidden)}): "
                f"{listing(self.hidden, most=5)}"
            )
        if self.others:
            counts = ", ".join(f"{count} {printable(ending)}" for ending, count in self.others.most_common(8))
            lines.append(
                f"left out below {self.folder}, since their endings are not those of images that are read: {counts}"
            )
        return lines


def list_images(root: str | Path, folders: Sequence[str] = ("",)) -> list[str]:
    """Paths of the images below ``folders`` of ``root``, sorted, so that a seed means the same run everywhere.

    What is left out is said, and what is odd about some that are looked at: several pages, label maps.

    Raises:
        ValueError: A folder does not exist or cannot be read, or holds no image.
    """
    return paths_of(look_through(root, folders))


def look_through(root: str | Path, folders: Sequence[str]) -> list[FoundImages]:
    """What lies below each of ``folders`` of ``root``, in their order; ``paths_of`` says the rest.

    Raises:
        ValueError: A folder does not exist or cannot be read, or holds no image.
    """
    listed = []
    for folder in sorted(set(folders)):
        top = os.path.join(root, folder) if folder else str(root)
        if not os.path.isdir(top):
            raise ValueError(
                f"expected a folder of images, got {top}, which does not exist: correct the config's data_root, or "
                "pass --cfg-options train_dataloader.dataset.data_root=FOLDER"
            )
        found = find_images(top)
        if not found.images:
            notes = found.left_out()
            raise ValueError("; ".join([f"expected images ({', '.join(EXTENSIONS)}) below {top}, got none", *notes]))
        listed.append(found)
    return listed


def paths_of(listed: Sequence[FoundImages]) -> list[str]:
    """Of all images; what was left out, and what is odd about some, is said."""
    for found in listed:
        for note in [*found.left_out(), *what_is_odd(found.images)]:
            print_log(note, "current", level=30)
    return distinct(listed)


def distinct(listed: Sequence[FoundImages]) -> list[str]:
    """Paths of all images, each once: folders may lie in one another."""
    return [*dict.fromkeys(path for found in listed for path in found.images)]


def find_images(folder: str) -> FoundImages:
    """Links to folders are followed, each real folder once, so that a loop of links ends.

    Raises:
        ValueError: A folder cannot be read.
    """
    found = FoundImages(folder, [], [], [], Counter())
    walk(folder, set(), found)
    for paths in (found.images, found.strange, found.hidden):
        paths.sort()
    return found


def walk(folder: str, seen: set[tuple[int, int]], found: FoundImages) -> None:
    inner: list[os.DirEntry] = []
    try:
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name.lower()
                if name[0] == "." or name in SYSTEM_NAMES:
                    found.hidden.append(entry.path)
                elif name.endswith(EXTENSIONS) and is_kind(entry, "is_file"):
                    found.images.append(entry.path)
                elif is_kind(entry, "is_dir"):
                    inner.append(entry)
                elif name.endswith(EXTENSIONS):
                    found.strange.append(entry.path)
                elif not name.endswith(COMPANIONS):
                    found.others[os.path.splitext(name)[1] or "without ending"] += 1
    except PermissionError as error:
        raise ValueError(f"expected a folder that can be read, got {folder} ({error.strerror})") from error
    # real folders first, in order: which of its paths a linked folder is found by is the same everywhere
    for entry in sorted(inner, key=lambda entry: (entry.is_symlink(), entry.name)):
        walk(entry.path, seen, found)


def is_kind(entry: os.DirEntry, kind: str) -> bool:
    """``entry.is_dir()`` or ``entry.is_file()``; a link to itself is neither."""
    try:
        return getattr(entry, kind)()
    except OSError:
        return False


def lines_of(texts: Iterable[str]) -> bytes:
    """A file of lines, such as ``read_list`` reads."""
    return b"".join(os.fsencode(text) + b"\n" for text in texts)


def read_list(path: str, root: str) -> list[str]:
    """Paths of a list's images below ``root``, in the list's order; names may have any bytes but a line's end.

    Raises:
        ValueError: There is no such list, it is empty, or it is no text.
    """
    if not os.path.isfile(path):
        raise ValueError(f"expected a list of images (dataset.ann_file), got {path}, which does not exist")
    content = as_utf8(Path(path).read_bytes(), path)
    lines = (line.removesuffix(b"\r") for line in content.split(b"\n"))
    names = [os.fsdecode(line) for line in lines if line]
    if not names:
        raise ValueError(f"expected a list of images, got {path}, which is empty")
    return [os.path.join(root, name) for name in names]
