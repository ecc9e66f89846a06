"""Which checkpoint file a path or a work dir means."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["latest_checkpoint", "resolve_checkpoint"]


def latest_checkpoint(work_dir: str | Path) -> Path | None:
    """The newest checkpoint of a work dir, which may have been moved since (MMEngine notes an absolute path)."""
    folder = Path(work_dir)
    note = folder / "last_checkpoint"
    if note.is_file():
        noted = folder / Path(note.read_text().strip()).name
        if noted.is_file():
            return noted
    numbered = [(int(match[1]), path) for path in folder.glob("*.pth") if (match := STEP.search(path.name))]
    return max(numbered)[1] if numbered else None


STEP = re.compile(r"^(?:epoch|iter)_(\d+)\.pth$")


def resolve_checkpoint(path: str | Path, purpose: str) -> Path:
    """A checkpoint file, given itself or a work dir.

    Raises:
        FileNotFoundError: There is none; ``purpose`` is the option that asked for it.
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
