"""Writing weights: whole or not at all, and the sha256 of what was written."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from slotcon_mm.atomic_files import write_atomically

__all__ = ["publish", "write_weights"]

DIGITS = 8


def write_weights(contents: Mapping[str, Any], path: Path) -> str:
    """Saves ``contents``; returns its sha256.

    ``.pkl`` holds numpy arrays instead of tensors, as Detectron2's model zoo does; any other name is torch's format.

    Raises:
        FileExistsError: Nothing is overwritten.
    """
    data = pickled_arrays(contents) if path.suffix == ".pkl" else serialized(contents)
    return write_whole(data, path)


def publish(checkpoint: Mapping[str, Any], path: Path) -> tuple[Path, str]:
    """Saves weights and ``meta`` without optimizer and schedule, under a name that ends in 8 digits of the sha256."""
    kept = dict(state_dict=checkpoint["state_dict"], meta=checkpoint.get("meta", {}))
    data = serialized(kept)
    target = path.with_name(f"{path.name.removesuffix('.pth')}-{hashlib.sha256(data).hexdigest()[:DIGITS]}.pth")
    return target, write_whole(data, target)


def serialized(contents: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()  # in a file, torch would write the file's name too, and with it change the sha256
    torch.save(contents, buffer)
    return buffer.getvalue()


def pickled_arrays(contents: Mapping[str, Any]) -> bytes:
    model = {name: value.numpy() for name, value in contents["model"].items()}
    return pickle.dumps({**contents, "model": model})


def write_whole(data: bytes, path: Path) -> str:
    if path.exists():
        raise FileExistsError(f"expected a new file, got {path}, which exists: remove it first")
    write_atomically(path, data)
    return hashlib.sha256(data).hexdigest()
