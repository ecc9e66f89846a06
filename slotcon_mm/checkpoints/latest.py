"""Which checkpoint file a path or a work dir means."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from mmengine.logging import print_log

from slotcon_mm.checkpoints.archives import expect_plain_archive
from slotcon_mm.checkpoints.safe_loading import read_pickle

__all__ = ["damage_of", "latest_checkpoint", "resolve_checkpoint"]

STEP = re.compile(r"^(?:epoch|iter)_(\d+)\.pth$")


def latest_checkpoint(work_dir: str | Path) -> Path | None:
    """The newest whole checkpoint of a work dir, which may have been moved since (MMEngine notes an absolute path).

    Where a hook's ``out_dir`` led its checkpoints elsewhere, they are found by that note.

    One that is damaged is named in a warning, and the one before it taken.

    Raises:
        ValueError: There are checkpoints, and all are damaged.
    """
    damaged: list[str] = []
    for path in candidates(Path(work_dir)):
        damage = damage_of(path)
        if damage is None:
            return path
        print_log(f"{path} is damaged ({damage}); the checkpoint before it is tried next", logger="current", level=30)
        damaged.append(path.name)
    if damaged:
        raise ValueError(f"expected an intact checkpoint in {work_dir}, got only damaged ones: {', '.join(damaged)}")
    return None


def candidates(folder: Path) -> Iterator[Path]:
    """The one that was noted as the last, then the others from the newest on."""
    note = folder / "last_checkpoint"
    named = Path(note.read_text(errors="replace").strip()) if note.is_file() else None
    here = folder / named.name if named else None
    noted = here if here and here.is_file() else named
    if noted and noted.is_file():
        yield noted
    folders = {folder, noted.parent} if noted else {folder}
    files = (path for place in folders for path in place.glob("*.pth"))
    numbered = [(int(match[1]), path) for path in files if (match := STEP.search(path.name))]
    for _, path in sorted(numbered, reverse=True):
        if path != noted:
            yield path


def damage_of(path: Path) -> str | None:
    """What is wrong with a checkpoint as a file: cut off, bytes that its checksums do not fit, or not torch's.

    Weights are read once, for their checksums; torch then reads the rest of the file, and runs nothing
    of it. What else than tensors and plain values is in it is no damage.
    """
    try:
        expect_plain_archive(str(path))
        with zipfile.ZipFile(path) as archive:
            wrong = archive.testzip()
        if wrong:
            return f"wrong checksum of {wrong}"
        read_pickle(str(path), "meta")
    except pickle.UnpicklingError:
        return None
    except Exception as error:  # a changed byte of an archive's table can stumble anywhere
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


def resolve_checkpoint(path: str | Path, purpose: str) -> Path:
    """A checkpoint file, given itself or a work dir.

    Raises:
        FileNotFoundError: There is none; ``purpose`` is the option that asked for it.
        ValueError: All of a work dir's are damaged.
    """
    given = Path(path).expanduser()
    if given.is_file():
        return given
    if not given.is_dir():
        raise FileNotFoundError(f"expected a checkpoint or a work dir for {purpose}, got {path}, which does not exist")
    latest = latest_checkpoint(given)
    if latest is None:
        raise FileNotFoundError(f"expected a work dir with a checkpoint (epoch_N.pth) for {purpose}, got {path}")
    return latest
