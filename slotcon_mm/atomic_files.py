"""Files that are written whole or not at all, and stay after a power cut."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mmengine.fileio import LocalBackend, register_backend

__all__ = ["AtomicBackend", "open_atomically", "remove_leftovers", "write_atomically"]

PART = ".part"


@register_backend("atomic")
class AtomicBackend(LocalBackend):
    """MMEngine's local files; ``put`` and ``put_text`` go by ``write_atomically``.

    For any config: ``backend_args=dict(backend='atomic')``.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        write_atomically(filepath, obj)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = "utf-8") -> None:
        write_atomically(filepath, obj.encode(encoding))


def write_atomically(path: str | Path, content: bytes) -> None:
    """A reader finds the old file or the new one, whole, whenever the process, the machine or the disk fails.

    Raises:
        OSError: The disk is full, say; what was at ``path`` is untouched.
    """
    with open_atomically(path) as file:
        file.write(content)


@contextmanager
def open_atomically(path: str | Path) -> Iterator[BinaryIO]:
    """As ``write_atomically``, of a file that is written bit by bit; an exception leaves what was at ``path``.

    A temporary file in the same folder is written, synced to the disk and renamed; then the folder is synced.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}{PART}")
    try:
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(
            error.errno, f"{error.strerror}; it was not written, files before it are whole", str(target)
        ) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Makes a rename last. File systems that cannot open folders need no such call."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def remove_leftovers(folder: str | Path) -> None:
    """Deletes what a killed process left half written. Only for a folder that no other process writes to."""
    for part in Path(folder).glob(f".*{PART}"):
        part.unlink(missing_ok=True)
