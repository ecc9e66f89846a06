"""The size of the views that a training shows: images are best shown to its network at that scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slotcon_mm.checkpoints.plain_config import read_plain_config

__all__ = ["USUAL", "view_size_of_checkpoint", "view_size_of_config", "views_of_checkpoint", "views_of_config"]

USUAL = 224  # the paper's


def view_size_of_checkpoint(checkpoint: Mapping[str, Any]) -> int:
    """Of the config in a checkpoint's ``meta``; ``USUAL`` where there is none."""
    return min(views_of_checkpoint(checkpoint))


def views_of_checkpoint(checkpoint: Mapping[str, Any]) -> tuple[int, int]:
    """As ``views_of_config``, of the config in a checkpoint's ``meta``."""
    text = (checkpoint.get("meta") or {}).get("cfg")
    return views_of_config(read_plain_config(text)) if text else (USUAL, USUAL)


def view_size_of_config(config: Mapping[str, Any]) -> int:
    """Pixels of a view's shorter side by a training's ``PairedViews``; ``USUAL`` where there is none."""
    return min(views_of_config(config))


def views_of_config(config: Mapping[str, Any]) -> tuple[int, int]:
    """Height and width of a view, or of the images that a linear probe is trained on."""
    return _find(config.get("train_dataloader")) or (USUAL, USUAL)


def _find(node: Any) -> tuple[int, int] | None:
    if isinstance(node, Mapping):
        if str(node.get("type")).rpartition(".")[2] in ("PairedViews", "CenterCrop"):
            size = node.get("size", USUAL)
            height, width = size if isinstance(size, list | tuple) else (size, size)
            return int(height), int(width)
        node = node.values()
    elif not isinstance(node, list | tuple):
        return None
    return next(filter(None, map(_find, node)), None)
