"""Zip archives as ``torch.save`` writes them, told from others before torch opens them."""

from __future__ import annotations

import os
import tarfile
import zipfile
from pathlib import PurePosixPath

__all__ = ["UnsafeArchiveError", "expect_plain_archive"]

SCRIPTS = {"constants.pkl", "code"}  # of TorchScript, whose loader older versions of torch run all the same


class UnsafeArchiveError(ValueError):
    """Nothing of the file is to be read."""


def expect_plain_archive(path: str) -> None:
    """Of a file of weights; a file that is no zip passes.

    Raises:
        UnsafeArchiveError: Its parts are compressed or lie over one another, so that they unpack to more than the
            file; or it is a program of TorchScript, or a tar of torch's first versions, which no safe loader reads.
        zipfile.BadZipFile: It is cut off.
    """
    if not zipfile.is_zipfile(path):
        if tarfile.is_tarfile(path):
            raise UnsafeArchiveError(
                "a tar, as torch's first versions wrote, is read by no safe loader: load and save it with torch"
            )
        return
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    if any(SCRIPTS.intersection(PurePosixPath(part.filename).parts[1:2]) for part in parts):
        raise UnsafeArchiveError("this is a program of TorchScript, not weights: save its 'state_dict' with torch.save")
    unpacked = sum(part.file_size for part in parts)
    if unpacked > os.path.getsize(path):
        raise UnsafeArchiveError(
            f"its parts unpack to {unpacked:,} bytes, more than the file; torch.save compresses none"
        )
