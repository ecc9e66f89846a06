"""A frozen network's scores on held-out images, by measures that learn from training images and their labels."""

from __future__ import annotations

from typing import Any, NamedTuple

from slotcon_mm.checks import expect_positive
from slotcon_mm.datasets.label_sets import LabelSet
from slotcon_mm.evaluation.frozen.grids import Reading, each_grid
from slotcon_mm.evaluation.frozen.measures import MEASURES, Material
from slotcon_mm.evaluation.frozen.memory import Memory, fill_memory
from slotcon_mm.evaluation.frozen.networks import FrozenNetwork
from slotcon_mm.evaluation.frozen.sampled_pixels import sample_pixels
from slotcon_mm.evaluation.frozen.scorers import Score

__all__ = ["Choices", "LabeledParts", "evaluate_network"]


class LabeledParts(NamedTuple):
    """``train`` and ``held_out``: datasets whose samples have ``img`` (H, W, 3) uint8 RGB and ``gt_sem_seg`` (H, W)
    uint8, for FG-ARI also ``gt_instances`` (H, W); and what their labels mean."""

    train: Any
    held_out: Any
    label_set: LabelSet


class Choices(NamedTuple):
    """What is measured, and every number that moves the result beside the data.

    Attributes:
        measures: Names of ``MEASURES``.
        seeds: Of draws of pixels and patches, k-means and the probe: a score for each.
        pixels: Labeled pixels of the training images, and pixels of the held-out ones, that are kept for k-NN, probe
            and clusters; the first of them draw from these.
        memory: Patches that retrieval remembers.
        augmentation_epochs: Times that retrieval sees the training images, from the second on as random crops.
        reading: How images are read and at which size they are shown.
    """

    measures: tuple[str, ...] = ("knn", "probe")
    seeds: tuple[int, ...] = (0,)
    pixels: int = 200_000
    memory: int = 100_000
    augmentation_epochs: int = 1
    reading: Reading = Reading()


def evaluate_network(network: FrozenNetwork, parts: LabeledParts, choices: Choices) -> dict[str, list[Score]]:
    """Of each measure a score for each seed; the same on every process, and for any batch size.

    Memory is bounded by ``pixels`` and ``memory`` and by what a batch takes; the held-out images pass once for
    clusters and once for all scores.

    Raises:
        ValueError: An unknown measure, or data that a measure cannot be computed from.
    """
    expect_sensible(choices, parts)
    material = prepare(network, parts, choices)
    scorers = []
    for seed in choices.seeds:
        if "retrieval" in choices.measures:
            material = material._replace(memory=remember(network, parts, choices, seed))
        scorers += [(name, MEASURES[name].make(material, seed)) for name in choices.measures]
    for grid in each_grid(network, parts.held_out, choices.reading, "held-out images"):
        for _, scorer in scorers:
            scorer.add(grid)
    found: dict[str, list[Score]] = {name: [] for name in choices.measures}
    for name, scorer in scorers:
        found[name].append(scorer.score())
    return found


def prepare(network: FrozenNetwork, parts: LabeledParts, choices: Choices) -> Material:
    """Features that all seeds draw from."""
    neck = network.neck
    needed = {
        part
        for name in choices.measures
        if neck is None or not MEASURES[name].uses_prototypes
        for part in MEASURES[name].needs
    }
    is_thing = parts.label_set.is_thing()
    things = tuple(range(len(is_thing))) if not is_thing.any() else tuple(is_thing.nonzero()[0].tolist())
    return Material(
        num_classes=len(parts.label_set.names),
        things=things,
        temperature=None if neck is None else neck.temperature,
        train=sample_pixels(
            network, parts.train, choices.reading, most=choices.pixels, labeled=True, what="training images"
        ) if "train" in needed else None,
        held_out=sample_pixels(
            network, parts.held_out, choices.reading, most=choices.pixels, labeled=False, what="pixels for clusters"
        ) if "held_out" in needed else None,
    )  # fmt: skip


def remember(network: FrozenNetwork, parts: LabeledParts, choices: Choices, seed: int) -> Memory:
    return fill_memory(
        network, parts.train, choices.reading, len(parts.label_set.names), size=choices.memory,
        epochs=choices.augmentation_epochs, seed=seed,
    )  # fmt: skip


def expect_sensible(choices: Choices, parts: LabeledParts) -> None:
    expect_positive(
        pixels=choices.pixels, memory=choices.memory, augmentation_epochs=choices.augmentation_epochs,
        batch_size=choices.reading.batch_size, size=choices.reading.size or 1, seeds=len(choices.seeds),
    )  # fmt: skip
    if unknown := [name for name in choices.measures if name not in MEASURES]:
        raise ValueError(f"expected measures of {', '.join(MEASURES)}, got {', '.join(unknown)}")
    for part, dataset in (("training", parts.train), ("held-out", parts.held_out)):
        if not len(dataset):
            raise ValueError(f"expected {part} images, got none")
    wanting = [name for name in choices.measures if MEASURES[name].needs_instances]
    if wanting and "gt_instances" not in parts.held_out[0]:
        raise ValueError(
            f"expected held-out images with instances for {', '.join(wanting)}, got label maps only: pass instances in "
            "COCO's format"
        )
