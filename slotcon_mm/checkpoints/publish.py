"""Writing weights: whole or not at all, and the sha256 of what was written."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from slotcon_mm.atomic_files import write_atomically
from slotcon_mm.checkpoints.network_facts import NETWORK
from slotcon_mm.checkpoints.safe_loading import META
from slotcon_mm.requirements import require

__all__ = ["publish", "write_weights"]

DIGITS = 8


def write_weights(contents: Mapping[str, Any], path: Path) -> str:
    """Saves ``contents``; returns its sha256.

    ``.pkl`` holds numpy arrays instead of tensors, as Detectron2's model zoo does; ``.safetensors`` holds tensors, and
    ``meta`` as JSON beside them; any other name is torch's format.

    Raises:
        FileExistsError: Nothing is overwritten.
        ValueError: A form that ``.safetensors`` or ``.pkl`` has no place for.
    """
    return write_whole(contents_of_file(contents, path.suffix), path)


def publish(checkpoint: Mapping[str, Any], path: Path) -> tuple[Path, str]:
    """Saves weights and ``meta`` without optimizer and schedule, under a name that ends in 8 digits of the sha256."""
    kept = dict(state_dict=checkpoint["state_dict"], meta=checkpoint.get("meta", {}))
    suffix = path.suffix if path.suffix in (".pth", *WRITERS) else ".pth"
    data = contents_of_file(kept, suffix)
    stem = path.name.removesuffix(suffix)
    target = path.with_name(f"{stem}-{hashlib.sha256(data).hexdigest()[:DIGITS]}{suffix}")
    return target, write_whole(data, target)


def contents_of_file(contents: Mapping[str, Any], suffix: str) -> bytes:
    return WRITERS.get(suffix, serialized)(contents)


def serialized(contents: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()  # in a file, torch would write the file's name too, and with it change the sha256
    torch.save(contents, buffer)
    return buffer.getvalue()


def pickled_arrays(contents: Mapping[str, Any]) -> bytes:
    if "model" not in contents:
        raise ValueError(
            "expected Detectron2's form for a file that ends in .pkl, got another (a backbone's format "
            "detectron2 is it): let the file end in .pth or .safetensors"
        )
    model = {name: value.numpy() for name, value in contents["model"].items()}
    return pickle.dumps({**contents, "model": model})


def safe_tensors(contents: Mapping[str, Any]) -> bytes:
    require("safetensors", purpose="a file that ends in .safetensors")
    from safetensors.torch import save

    tensors = contents.get("state_dict", contents)
    if not all(isinstance(value, Tensor) for value in tensors.values()):
        raise ValueError(
            f"expected weights alone for a file of safetensors, got {', '.join(map(repr, list(contents)[:4]))}: let "
            "the file end in .pth, or in .pkl for Detectron2"
        )
    versions = getattr(contents, "_metadata", None) or {}
    noted = {name: value for name, value in versions.get("", {}).items() if name == NETWORK}
    meta = dict(contents["meta"]) if "state_dict" in contents and contents.get("meta") else noted
    kept = {name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
    return save(kept, {"format": "pt", META: json.dumps(meta)})


WRITERS = {".pkl": pickled_arrays, ".safetensors": safe_tensors}  # of other files: serialized


def write_whole(data: bytes, path: Path) -> str:
    if path.exists():
        raise FileExistsError(f"expected a new file, got {path}, which exists: remove it first")
    write_atomically(path, data)
    return hashlib.sha256(data).hexdigest()
