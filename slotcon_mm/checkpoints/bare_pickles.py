"""Pickles that are no files of torch's: what Detectron2's model zoo offers, and exports for Detectron2."""

from __future__ import annotations

__all__ = ["describe_bare_pickle", "is_bare_pickle"]

PROTOCOL = b"\x80"  # with which pickles begin, of protocol 2 and later
MAGIC = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")  # first in torch's files before it wrote archives


def is_bare_pickle(path: str) -> bool:
    """Whether a file is a pickle, and neither an archive of torch's nor one of its files before those."""
    with open(path, "rb") as file:
        start = file.read(64)
    return start.startswith(PROTOCOL) and MAGIC not in start


def describe_bare_pickle(file: str) -> str:
    """Why it is not read, and what is read in its place."""
    return (
        f"expected a checkpoint, got {file}, a pickle without torch: so are the weights of Detectron2's model zoo and "
        "exports for Detectron2 (.pkl). Loading one runs what is in it, and Detectron2's names are not read here. Take "
        "what it was made of: a checkpoint, a work dir, or an export in another form (tools/convert_checkpoint.py "
        "backbone SRC FILE.pth)"
    )
