"""An evaluation from its weights to its table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import mmengine
import numpy as np
import torch

import slotcon_mm
from slotcon_mm.evaluation.frozen.evaluate import Choices, LabeledParts, evaluate_network
from slotcon_mm.evaluation.frozen.networks import FrozenNetwork, frozen
from slotcon_mm.evaluation.frozen.table import Row
from slotcon_mm.evaluation.frozen.weights import network_of_weights
from slotcon_mm.models.input_sizes import usual_size

__all__ = ["evaluate_weights", "protocol_of"]


def evaluate_weights(
    weights: Sequence[str], parts: LabeledParts, choices: Choices, *, backbone: str | None = None,
    source: str | None = None, random: bool = True, device: str = "cpu",
) -> Iterator[Row]:  # fmt: skip
    """A row for each weights, then one for each of their networks with random weights, as soon as it is measured.

    Args:
        weights: See ``network_of_weights``, as ``backbone`` and ``source``.
        parts: Training and held-out images with labels.
        choices: What is measured. Random weights are drawn anew for each seed.
        backbone: Of files that do not say what their network is.
        source: Teacher or student.
        random: Whether random weights are measured too.
        device: Where the networks run.

    Raises:
        ValueError: All weights are tried before the first is measured; one of them does not fill its network.
    """
    networks = {name: network_of_weights(name, backbone=backbone, source=source) for name in weights}
    different: dict[str, FrozenNetwork] = {}
    for name, network in networks.items():
        yield row_of(name, frozen(network, device), parts, choices)
        different.setdefault(repr((network.build, network.pixels, network.views)), network)
        networks[name] = network
    for network in different.values() if random else ():
        kind = type(network.backbone).__name__
        name = (
            "random weights" if len(different) == 1 else f"random weights of {kind}, size {size_of(network, choices)}"
        )
        yield random_row(name, network, parts, choices)


def row_of(name: str, network: FrozenNetwork, parts: LabeledParts, choices: Choices) -> Row:
    return Row(name, size_of(network, choices), evaluate_network(network, parts, choices))


def random_row(name: str, network: FrozenNetwork, parts: LabeledParts, choices: Choices) -> Row:
    scores: dict[str, list[Any]] = {measure: [] for measure in choices.measures}
    for seed in choices.seeds:
        found = evaluate_network(network.with_random_weights(seed), parts, choices._replace(seeds=(seed,)))
        for measure, values in found.items():
            scores[measure] += values
    return Row(name, size_of(network, choices), scores)


def size_of(network: FrozenNetwork, choices: Choices) -> int:
    return choices.reading.size or usual_size(network.views)


def protocol_of(choices: Choices, data: dict[str, Any], parts: LabeledParts) -> dict[str, Any]:
    """Every choice that moves the numbers, and the versions that they were measured with."""
    return dict(
        data=data,
        train_images=len(parts.train),
        held_out_images=len(parts.held_out),
        classes=list(parts.label_set.names),
        seeds=list(choices.seeds),
        pixels=choices.pixels,
        memory=choices.memory,
        augmentation_epochs=choices.augmentation_epochs,
        versions=dict(
            slotcon_mm=slotcon_mm.__version__, torch=torch.__version__, mmengine=mmengine.__version__,
            numpy=np.__version__,
        ),
    )  # fmt: skip
