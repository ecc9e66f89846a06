"""Drawings of groups: a stable color for every id, mixed into the image."""

from __future__ import annotations

import numpy as np

__all__ = ["color_of", "color_table", "overlay_groups"]

GOLDEN_TURN = 0.61803398875  # successive ids lie far apart on the circle of hues


def color_of(identity: int) -> np.ndarray:
    """(3,) uint8 RGB: the same for an id whatever the number of ids; neighbors differ in hue and lightness."""
    hue = (identity * GOLDEN_TURN) % 1
    saturation, value = (0.55, 0.95, 0.75)[identity % 3], (0.95, 0.75, 0.55, 1.0)[identity % 4]
    turn = (np.array([5, 3, 1]) + 6 * hue) % 6
    rgb = value - value * saturation * np.clip(np.minimum(turn, 4 - turn), 0, 1)
    return np.round(255 * rgb).astype(np.uint8)


def color_table(count: int) -> np.ndarray:
    """(count, 3) uint8 of ids 0 to count - 1."""
    return np.stack([color_of(identity) for identity in range(count)])


def overlay_groups(image_HW3: np.ndarray, groups_HW: np.ndarray, *, opacity: float = 0.6) -> np.ndarray:
    """The image with each pixel's group color mixed in, and thin dark lines between groups."""
    colors = color_table(int(groups_HW.max()) + 1)[groups_HW]
    mixed = (1 - opacity) * image_HW3 + opacity * colors
    return np.where(borders(groups_HW)[..., None], 0.3 * mixed, mixed).astype(np.uint8)


def borders(groups_HW: np.ndarray) -> np.ndarray:
    """True where the pixel to the right or below belongs to another group."""
    edge = np.zeros(groups_HW.shape, bool)
    edge[:, :-1] |= groups_HW[:, 1:] != groups_HW[:, :-1]
    edge[:-1] |= groups_HW[1:] != groups_HW[:-1]
    return edge
