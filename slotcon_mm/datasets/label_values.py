"""A label set: classes, and which of them each value or color of a label map stands for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["IGNORED", "LabelSet", "classes_of", "classes_of_colors", "ranges"]

IGNORED = 255


class LabelSet(NamedTuple):
    """Classes, and the class of each value of an 8-bit label map, or of each color of one that is drawn in colors.

    Attributes:
        names: C of them.
        table: (256,) uint8, value to class, ``IGNORED`` for values that do not count.
        things: Names that are things; the others are stuff. Empty: the dataset does not tell.
        void: Values of pixels that do not count.
        impossible: Values in the table that no file of this set has.
        file_kind: What a file of this set is, for messages.
        colors: (C, 3) uint8 RGB, the color of each class; None: files hold values.
        void_colors: (M, 3) uint8 RGB, of pixels that do not count.
    """

    names: tuple[str, ...]
    table: np.ndarray
    things: frozenset[str] = frozenset()
    void: tuple[int, ...] = (IGNORED,)
    impossible: tuple[int, ...] = ()
    file_kind: str = "the label set"
    colors: np.ndarray | None = None
    void_colors: np.ndarray | None = None

    def is_known(self) -> np.ndarray:
        """(256,) bool: values that a file may have."""
        known = self.table != IGNORED
        known[list(self.void)] = True
        known[list(self.impossible)] = False
        return known

    def is_thing(self) -> np.ndarray:
        """(C,) bool."""
        return np.array([name in self.things for name in self.names])


def classes_of(labels: np.ndarray, label_set: LabelSet) -> np.ndarray:
    """A label map (H, W) of 8-bit values as uint8 classes.

    Raises:
        ValueError: It is of another kind, or has a value that is neither a class nor void.
    """
    if labels.ndim != 2 or labels.dtype != np.uint8:
        raise ValueError(
            f"expected an 8-bit label map of one channel, got {labels.dtype} of shape {labels.shape}: where classes "
            "are drawn in colors, give the label set a palette"
        )
    known = label_set.is_known()
    present = np.flatnonzero(np.bincount(labels.ravel(), minlength=256))
    if not known[present].all():
        raise ValueError(
            f"expected a label map of {label_set.file_kind}, with the values {ranges(np.flatnonzero(known))}, got the "
            f"value {present[~known[present]][0]}: take the label set of this file, or name the value in values or "
            "ignore of your own"
        )
    return label_set.table[labels]


def classes_of_colors(image: np.ndarray, label_set: LabelSet) -> np.ndarray:
    """A label map drawn in colors, (H, W, 3) uint8 RGB, as uint8 classes.

    Raises:
        ValueError: It is of another kind, or has a color that is neither a class's nor ignored.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"expected a label map of 8-bit colors, got {image.dtype} of shape {image.shape}")
    assert label_set.colors is not None
    void = np.zeros((0, 3), np.uint8) if label_set.void_colors is None else label_set.void_colors
    classes = np.append(np.arange(len(label_set.colors)), np.full(len(void), IGNORED)).astype(np.uint8)
    codes = codes_of(np.concatenate([label_set.colors, void]))
    order = np.argsort(codes)
    found = codes_of(image)
    places = order[np.minimum(np.searchsorted(codes[order], found), len(codes) - 1)]
    strange = codes[places] != found
    if strange.any():
        code = int(found[strange][0])
        color = code >> 16, code >> 8 & 255, code & 255
        raise ValueError(
            f"expected the colors of {len(label_set.colors)} classes and {len(void)} ignored ones, got #{code:06x} "
            f"{color} and such in {strange.sum()} of {strange.size} pixels: add it to palette or ignore of the label "
            "set. (Colors between others come from JPEG, or from a smooth resizing)"
        )
    return classes[places]


def codes_of(colors: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 as (...) int32, 0xRRGGBB."""
    red, green, blue = np.moveaxis(colors.astype(np.int32), -1, 0)
    return red << 16 | green << 8 | blue


def ranges(values: np.ndarray) -> str:
    """Sorted integers for a message: 0 to 20, 255."""
    runs = np.split(values, np.flatnonzero(np.diff(values) != 1) + 1)
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)
