"""Weights from addresses, by the same safe loader as files."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, is_main_process
from mmengine.runner.checkpoint import (
    CheckpointLoader,
    get_deprecated_model_names,
    get_external_models,
    get_mmcls_models,
    get_torchvision_models,
)

from slotcon_mm.checkpoints.safe_loading import load_from_safe_local

__all__ = ["load_from_safe_address", "register_safe_addresses"]

HASH = re.compile(r"-([a-f0-9]{8,})\.")  # in a file's name, digits of its sha256, as torch.hub and OpenMMLab write them


def external_models() -> dict[str, str]:
    models = get_external_models()
    return {**models, **{old: models[new] for old, new in get_deprecated_model_names().items() if new in models}}


# MMEngine's tables of named models
TABLES: dict[str, Callable[[], dict[str, str]]] = {
    "torchvision://": get_torchvision_models,
    "modelzoo://": get_torchvision_models,
    "open-mmlab://": external_models,
    "openmmlab://": external_models,
    "mmcls://": get_mmcls_models,
}
REFUSED = ("pavi://", r"(\S+\:)?s3://", r"(\S+\:)?petrel://")


def register_safe_addresses() -> None:
    """Makes it MMEngine's loader of addresses and named models.

    MMEngine 0.10.7 unpickles whatever an address holds, without looking at the hash in its name.
    """
    for prefix in ("http://", "https://", *TABLES):
        CheckpointLoader.register_scheme(prefixes=prefix, loader=load_from_safe_address, force=True)
    CheckpointLoader.register_scheme(prefixes=REFUSED, loader=load_from_refused, force=True)


def load_from_safe_address(filename: str, map_location: Any = None) -> dict[str, Any]:
    """A checkpoint from an http(s) address or a name of MMEngine's tables, downloaded into torch's hub folder once.

    Raises:
        ValueError: The name is in no table, or the file holds more than tensors and plain Python values.
        RuntimeError: The file's sha256 is not the one in its name.
    """
    checkpoint = load_from_safe_local(str(download(address_of(filename))), map_location)
    if filename.startswith("mmcls://"):
        weights = checkpoint.get("state_dict", checkpoint)
        found = {name.removeprefix("backbone."): weights[name] for name in weights if name.startswith("backbone.")}
        return dict(state_dict=found)
    return checkpoint


def load_from_refused(filename: str, map_location: Any = None) -> dict[str, Any]:
    raise ValueError(f"expected a file or an http(s) address, got {filename}: download it and name the file")


def address_of(filename: str) -> str:
    for prefix, table in TABLES.items():
        if filename.startswith(prefix):
            addresses = table()
            name = filename.removeprefix(prefix)
            if name not in addresses:
                raise ValueError(f"expected the name of a model in MMEngine's table for {prefix}, got {name}")
            return addresses[name]
    return filename


def download(address: str) -> Path:
    """The file in torch's hub folder; the main process fetches it first, others only where they do not see it then."""
    if not address.startswith(("http://", "https://")):
        raise ValueError(f"expected an http(s) address, got {address}: download it and name the file")
    target = place_of(address)
    if is_main_process():
        fetch(address, target)
    barrier()
    fetch(address, target)
    return target


def place_of(address: str) -> Path:
    """Where torch and OpenMMLab keep files whose names hold digits of their content; others, which may share a name
    (Hugging Face calls all of them ``model.safetensors``), in a folder of their address."""
    parts = urlparse(address)
    folder, name = Path(torch.hub.get_dir()) / "checkpoints", os.path.basename(parts.path)
    if HASH.search(name):
        return folder / name
    return folder / hashlib.sha256(f"{parts.netloc}{parts.path}".encode()).hexdigest()[:16] / name


def fetch(address: str, target: Path) -> None:
    if target.is_file():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    digits = HASH.search(target.name)
    torch.hub.download_url_to_file(address, str(target), digits[1] if digits else None, progress=os.isatty(0))
