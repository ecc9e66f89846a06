"""A frozen network's scores on held-out images, by measures that learn from training images and their labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from slotcon_mm.checks import expect_positive
from slotcon_mm.datasets.label_sets import LabelSet
from slotcon_mm.evaluation.frozen.augmented import Augmented
from slotcon_mm.evaluation.frozen.grids import GridsTwice, Reading, each_grid
from slotcon_mm.evaluation.frozen.measures import MANY, MEASURES, Material, cluster
from slotcon_mm.evaluation.frozen.memory import Memory, MemorySample
from slotcon_mm.evaluation.frozen.networks import FrozenNetwork
from slotcon_mm.evaluation.frozen.parts import LabeledParts
from slotcon_mm.evaluation.frozen.sampled_pixels import PixelSample
from slotcon_mm.evaluation.frozen.scorers import Score

__all__ = ["Choices", "evaluate_network"]

MOST_BYTES_ON_DEVICE = 2**32


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
    """Of each measure a score for each seed; the same on every process.

    The number of processes and the batch size change nothing but the rounding of a network's features.

    Memory is bounded by ``pixels`` and ``memory`` and by what a batch takes; the held-out images pass once for
    clusters and once for all scores.

    Raises:
        ValueError: An unknown measure, or data that a measure cannot be computed from.
    """
    expect_sensible(choices, parts)
    if not any(MEASURES[name].uses_prototypes for name in choices.measures):
        network = network._replace(neck=None)  # scores that nobody asks for take as long as features
    needed = needs_of(choices, has_prototypes=network.neck is not None)
    materials = [Material(len(parts.label_set.names), things_of(parts.label_set), temperature_of(network))] * len(
        choices.seeds
    )
    if needed & {"train", "memory"}:
        materials = learn_from_labels(materials, network, parts, choices, needed)
    grids = GridsTwice(network, parts.held_out, choices.reading)
    if needed & {"one_each", "many_each"}:
        materials = find_clusters(materials, grids, choices, needed)
    scorers = [
        (name, MEASURES[name].make(material, seed))
        for material, seed in zip(materials, choices.seeds, strict=True)
        for name in choices.measures
    ]
    for grid in grids.last_pass("held-out images"):
        for _, scorer in scorers:
            scorer.add(grid)
    found: dict[str, list[Score]] = {name: [] for name in choices.measures}
    for name, scorer in scorers:
        found[name].append(scorer.score())
    return found


def needs_of(choices: Choices, *, has_prototypes: bool) -> set[str]:
    """Parts of ``Material`` that the measures are made from."""
    chosen = [MEASURES[name] for name in choices.measures]
    return {part for measure in chosen if not (has_prototypes and measure.uses_prototypes) for part in measure.needs}


def things_of(label_set: LabelSet) -> tuple[int, ...]:
    """Classes that count as objects: the label set's things, or all but a background where it does not tell."""
    is_thing = label_set.is_thing()
    if is_thing.any():
        return tuple(np.flatnonzero(is_thing).tolist())
    return tuple(number for number, name in enumerate(label_set.names) if name.lower() != "background")


def temperature_of(network: FrozenNetwork) -> float | None:
    return None if network.neck is None else network.neck.temperature


def learn_from_labels(
    materials: list[Material], network: FrozenNetwork, parts: LabeledParts, choices: Choices, needed: set[str]
) -> list[Material]:
    """With pixels and, for each seed, a memory of the training images, which pass once an epoch."""
    count, classes = len(parts.train), len(parts.label_set.names)
    epochs = choices.augmentation_epochs if "memory" in needed else 1
    sample = PixelSample(choices.pixels, count, labeled=True) if "train" in needed else None
    seeds = choices.seeds if "memory" in needed else ()
    samples = [MemorySample(choices.memory, count, epochs, classes, seed) for seed in seeds]
    for epoch in range(epochs):
        crops = Augmented(parts.train, epoch)
        what = "training images" + (f", epoch {epoch + 1} of {epochs}" if epochs > 1 else "")
        for grid in each_grid(network, crops, choices.reading, what):
            if epoch == 0 and sample:
                sample.add(grid)
            for memory in samples:
                memory.add(grid, epoch)
    if sample:
        train = sample.gather(network.device)
        materials = [material._replace(train=train) for material in materials]
    if samples:
        memories = [near(memory.gather(), network.device) for memory in samples]
        materials = [material._replace(memory=one) for material, one in zip(materials, memories, strict=True)]
    return materials


def find_clusters(materials: list[Material], grids: GridsTwice, choices: Choices, needed: set[str]) -> list[Material]:
    """With centroids of the held-out images' pixels for each seed; labels are not looked at."""
    sample = PixelSample(choices.pixels, len(grids.dataset), labeled=False)
    for grid in grids.first_pass("held-out images, for clusters"):
        sample.add(grid)
    pixels = sample.gather(grids.network.device)
    count = materials[0].num_classes
    return [
        material._replace(
            one_each=cluster(pixels, count, seed) if "one_each" in needed else None,
            many_each=cluster(pixels, MANY * count, seed) if "many_each" in needed else None,
        )
        for material, seed in zip(materials, choices.seeds, strict=True)
    ]


def near(memory: Memory, device: torch.device) -> Memory:
    """On the device, if it is small; a large one stays on the CPU, and is copied block by block for each image."""
    is_small = sum(part.nbytes for part in memory) <= MOST_BYTES_ON_DEVICE
    return Memory(*(part.to(device) for part in memory)) if is_small else memory


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
