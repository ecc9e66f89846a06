"""Weights to start from or to evaluate: from a file, a work dir or an address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.runner.checkpoint import CheckpointLoader

from slotcon_mm.checkpoints.contents import flat_tensors
from slotcon_mm.checkpoints.latest import resolve_checkpoint
from slotcon_mm.checkpoints.safe_loading import load_weights

__all__ = ["read_weights"]


def read_weights(given: str | Path, purpose: str) -> tuple[str, dict[str, Any]]:
    """What was meant, and what is in it.

    Args:
        given: A file (``.pth``, ``.pt``, ``.safetensors``); a work dir, of which the newest checkpoint is taken; or an
            address: ``torchvision://resnet50``, ``timm://resnet50.a1_in1k``, ``https://...``.
        purpose: The option that asks for it.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It cannot be read safely.
    """
    if "://" in str(given):
        file = str(given)
        loaded = CheckpointLoader.load_checkpoint(file, map_location="cpu", logger="silent")
    else:
        file = str(resolve_checkpoint(given, purpose))
        loaded = load_weights(file)
    if "state_dict" not in loaded and not flat_tensors(loaded):
        raise ValueError(
            f"expected weights or a dict with 'state_dict', got a dict of {', '.join(map(repr, list(loaded)[:6]))} in "
            f"{file}"
        )
    return file, loaded
