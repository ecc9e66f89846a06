"""The size of the views that a training showed: images are best shown to its network at that scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slotcon_mm.checkpoints.plain_config import read_plain_config

__all__ = ["USUAL", "view_size_of_checkpoint", "view_size_of_config"]

USUAL = 224  # the paper's


def view_size_of_checkpoint(checkpoint: Mapping[str, Any]) -> int:
    """Of the config in a checkpoint's ``meta``; ``USUAL`` where there is none."""
    text = (checkpoint.get("meta") or {}).get("cfg")
    return view_size_of_config(read_plain_config(text)) if text else USUAL


def view_size_of_config(config: Mapping[str, Any]) -> int:
    """Pixels of a view's shorter side by a training's ``PairedViews``; ``USUAL`` where there is none."""
    return _find(config.get("train_dataloader")) or USUAL


def _find(node: Any) -> int | None:
    if isinstance(node, Mapping):
        if str(node.get("type")).rpartition(".")[2] == "PairedViews":
            size = node.get("size", USUAL)
            return min(size) if isinstance(size, list | tuple) else int(size)
        node = node.values()
    elif not isinstance(node, list | tuple):
        return None
    return next(filter(None, map(_find, node)), None)
