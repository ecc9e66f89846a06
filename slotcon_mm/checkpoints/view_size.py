"""How a training saw its images, which its network is best shown others by: the views' size, and the bit depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slotcon_mm.checkpoints.plain_config import read_plain_config
from slotcon_mm.checkpoints.safe_loading import meta_of
from slotcon_mm.config_nodes import dicts_within, short_type

__all__ = [
    "USUAL",
    "VIEWS",
    "bit_depth_of_checkpoint",
    "bit_depth_of_config",
    "find_step",
    "views_noted",
    "views_of_checkpoint",
    "views_of_config",
]

VIEWS = "views"  # key in an export's meta
USUAL = 224  # the paper's
MOST = 4096


def views_of_checkpoint(checkpoint: Mapping[str, Any]) -> tuple[int, int]:
    """As ``views_of_config``, of the config in a checkpoint's ``meta``."""
    return views_of_config(config_of(checkpoint))


def views_of_config(config: Mapping[str, Any]) -> tuple[int, int]:
    """Height and width of a view, or of a linear probe's training images; ``USUAL`` where there is neither."""
    size = find_step(config.get("train_dataloader"), "PairedViews", "CenterCrop")[1].get("size") or USUAL
    return expect_sides(tuple(size) if isinstance(size, list | tuple) else (size, size))


def views_noted(meta: Mapping[str, Any]) -> tuple[int, int] | None:
    """Height and width that an export notes; None where it notes none."""
    noted = meta.get(VIEWS)
    return None if noted is None else expect_sides(tuple(noted) if isinstance(noted, list | tuple) else (noted,))


def expect_sides(sides: tuple[Any, ...]) -> tuple[int, int]:
    if len(sides) != 2 or not all(isinstance(side, int) and 0 < side <= MOST for side in sides):
        raise ValueError(f"expected height and width of views, at most {MOST} pixels, got {sides}")
    return sides


def bit_depth_of_checkpoint(checkpoint: Mapping[str, Any]) -> int | None:
    """Of the config in a checkpoint's ``meta``; None where there is none."""
    return bit_depth_of_config(config_of(checkpoint))


def bit_depth_of_config(config: Mapping[str, Any]) -> int | None:
    """``bit_depth`` of the ``LoadImage`` of a training's pipeline; None where it is not set."""
    return find_step(config.get("train_dataloader"), "LoadImage")[1].get("bit_depth")


def config_of(checkpoint: Mapping[str, Any]) -> Mapping[str, Any]:
    text = meta_of(checkpoint).get("cfg")
    return read_plain_config(text) if isinstance(text, str) else {}


def find_step(node: Any, *names: str, place: str = "") -> tuple[str, Mapping[str, Any]]:
    """The first config of one of these types, whatever its prefix, at any depth; and before it, its place.

    Both are empty where there is none. ``place`` is that of ``node``.
    """
    return next((found for found in dicts_within(node, place) if short_type(found[1]) in names), ("", {}))
