"""Prototypes, epochs and batch for a number of images and a device, each with its reason."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["ON_A_CPU", "TABLE", "Choice", "Row", "Settings", "choose_settings", "epochs_from_weights", "most_on_gpu"]


class Row(NamedTuple):
    """What suits a number of images; ``batch_size`` is that of all processes."""

    images: int
    prototypes: int
    epochs: int
    batch_size: int


# The last row is the paper's for COCO. The others are starting points, not measurements: with fewer images each is
# seen more often. configs/README.md shows this table.
TABLE = (Row(1_000, 32, 3_000, 96), Row(10_000, 96, 1_500, 192), Row(100_000, 256, 800, 512))
PROTOTYPES = (32, 48, 64, 96, 128, 192, 256)
EPOCHS_STEP, BATCH_STEP = 50, 8

# Of a GPU's memory. ResNet-50 with views of 224 x 224 took 6.65 GiB for 64 images in fp16 on an H100, 0.104 each
# (tools/benchmarks/README.md, "On a GPU"): a quarter more is reckoned with, and twice that in fp32, which was not
# measured. What does not grow with the batch: 1.0 GiB of weights, their average, gradients and momentum; CUDA's own.
GIB_OF_AN_IMAGE, GIB_OF_THE_REST = 0.13, 3.0
MEASURED_BACKBONE, MEASURED_VIEW = "ResNet-50", (224, 224)


class Choice(NamedTuple):
    """A number, and why it is that one, in words."""

    value: int
    reason: str


class Settings(NamedTuple):
    """``batch_size`` is the number of images that pass through the network at once on one process."""

    prototypes: Choice
    epochs: Choice
    batch_size: Choice


# two cores are hardly faster with more (scale.py in tools/benchmarks/README.md), and memory grows
ON_A_CPU = Choice(16, "a CPU is given at most 16")


def choose_settings(images: int, parts: int, most: Choice) -> Settings:
    """``TABLE``, between its rows by straight lines of logarithms against logarithms, beyond it as in its end rows.

    Prototypes are rounded to 2^n or 1.5 x 2^n, epochs to 50. A batch is at most the images that there are, since an
    epoch leaves out what fills none, and rounded down to a multiple of 8 from 8 on.

    Args:
        images: How many there are.
        parts: How many batches a step takes: processes x micro-batches.
        most: Images of a batch that the device takes, and why.

    Raises:
        ValueError: There are fewer images than parts.
    """
    if images < parts:
        raise ValueError(
            f"expected an image at least for each of the {parts} batches of a step (processes x micro-batches), got "
            f"{images} in all: start fewer processes, or add images"
        )
    wanted = round(between_rows(images, "batch_size"))
    share = max(1, wanted // parts)
    size = min(share, most.value, images // parts)
    reason = reason_of_row(images, "batch_size")
    if size < share:
        limit = most.reason if size == most.value else f"there are {images:,} images"
        reason = f"where {wanted} a step would be usual ({reason}): {limit}"
    return Settings(
        Choice(nearest(between_rows(images, "prototypes"), PROTOTYPES), reason_of_row(images, "prototypes")),
        Choice(EPOCHS_STEP * round(between_rows(images, "epochs") / EPOCHS_STEP), reason_of_row(images, "epochs")),
        Choice(size - size % BATCH_STEP if size > BATCH_STEP else size, reason),
    )


def epochs_from_weights(epochs: Choice) -> Choice:
    """A tenth of what a training from random weights gets: a starting point, not a measurement.

    What weights are worth shows in the first steps (configs/adapt/README.md), and the longer a training, the less.
    """
    return Choice(
        max(1, round(epochs.value / 10)),
        f"a tenth of the {epochs.value:,} of a training from random weights, {epochs.reason}",
    )


def most_on_gpu(memory: float, *, half: bool, backbone: str, view: tuple[int, int]) -> Choice:
    """Images that a GPU's memory surely holds in a training step: (memory - 3) / 0.13 in half precision, in GiB.

    Args:
        memory: Of the GPU, in GiB.
        half: Whether activations are of 16 bits (AMP).
        backbone: Its name. The rule is ``ResNet-50``'s.
        view: Height and width; memory is taken to grow with their product.
    """
    area = math.prod(view) / math.prod(MEASURED_VIEW)
    each = GIB_OF_AN_IMAGE * (1 if half else 2) * area
    size = max(1, int((memory - GIB_OF_THE_REST) / each))
    is_measured = backbone == MEASURED_BACKBONE and view == MEASURED_VIEW
    rule = f"{GIB_OF_THE_REST:g} GiB and {each:.2f} an image"
    guess = "" if is_measured else f", a guess for {backbone} and views of {view[0]} x {view[1]}"
    return Choice(size, f"a GPU of {memory:.1f} GiB is given at most {size} ({rule}{guess})")


def between_rows(images: int, column: str) -> float:
    counts, values = ([getattr(row, name) for row in TABLE] for name in ("images", column))
    return float(np.exp(np.interp(np.log(images), np.log(counts), np.log(values))))


def reason_of_row(images: int, column: str) -> str:
    place = bisect([row.images for row in TABLE], images)
    if place == 0:
        return f"as for {TABLE[0].images:,} images"
    if images == TABLE[place - 1].images or place == len(TABLE):
        return f"as for {TABLE[place - 1].images:,} images" + (" and more" if place == len(TABLE) else "")
    low, high = TABLE[place - 1 : place + 1]
    return (
        f"between {getattr(low, column):,} for {low.images:,} images and {getattr(high, column):,} for {high.images:,}"
    )


def nearest(value: float, among: Sequence[int]) -> int:
    return min(among, key=lambda candidate: abs(math.log(candidate / value)))
