"""An evaluation from its weights to its table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import mmengine
import numpy as np
import torch
from mmengine.dist import init_dist
from torch import distributed

from slotcon_mm.evaluation.frozen.evaluate import Choices, evaluate_network
from slotcon_mm.evaluation.frozen.grids import Reading
from slotcon_mm.evaluation.frozen.networks import FrozenNetwork, frozen
from slotcon_mm.evaluation.frozen.parts import LabeledParts
from slotcon_mm.evaluation.frozen.table import Row
from slotcon_mm.evaluation.frozen.weights import network_of_weights
from slotcon_mm.launch.machine.device import has_accelerator, select_device
from slotcon_mm.launch.machine.launchers import prepare_process
from slotcon_mm.launch.resumable import PROCESSES_WAIT_SECONDS
from slotcon_mm.models.input_sizes import usual_size

__all__ = [
    "evaluate_weights", "open_networks", "protocol_of", "size_of", "start_processes", "to_randomize", "versions_with",
]  # fmt: skip


def start_processes(launcher: str, local_rank: int, device: str | None) -> str:
    """Makes this process one of a launcher's; returns the device where it works.

    Raises:
        ValueError: The launcher's environment lacks what is needed, or torch cannot use the GPU.
    """
    select_device(device, gpu=prepare_process(launcher, local_rank))
    has_gpu = has_accelerator()
    if launcher != "none" and has_gpu:
        init_dist(launcher, backend="nccl", timeout=PROCESSES_WAIT_SECONDS)
    elif launcher == "pytorch":
        distributed.init_process_group("gloo", timeout=timedelta(seconds=PROCESSES_WAIT_SECONDS))
    elif launcher != "none":
        raise ValueError(f"expected launcher 'pytorch' without an accelerator, got '{launcher}'")
    return "cuda" if has_gpu else "cpu"


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
    networks = open_networks(weights, backbone, source)
    for name, network in networks.items():
        scores = evaluate_network(frozen(network, device), parts, choices)
        frozen(network, "cpu")  # the device's memory holds one network at a time
        yield Row(name, size_of(network, choices.reading), scores, network.origin)
    for title, network in to_randomize(networks).items() if random else ():
        yield random_row(title, network, parts, choices, device)


def open_networks(weights: Sequence[str], backbone: str | None, source: str | None) -> dict[str, FrozenNetwork]:
    """By the names of their weights, on the CPU. ValueError: One of them does not fill its network."""
    return {name: network_of_weights(name, backbone=backbone, source=source) for name in weights}


def to_randomize(networks: Mapping[str, FrozenNetwork]) -> dict[str, FrozenNetwork]:
    """One of each kind of network, by the title of the row of its random weights."""
    different: dict[str, str] = {}  # a name for each kind of network
    for name, network in networks.items():
        different.setdefault(repr((network.build, network.pixels, network.views, network.in_index)), name)
    is_one = len(different) == 1
    return {
        "random weights" + ("" if is_one else f", network of {name}"): networks[name] for name in different.values()
    }


def random_row(name: str, network: FrozenNetwork, parts: LabeledParts, choices: Choices, device: str) -> Row:
    scores: dict[str, list[Any]] = {measure: [] for measure in choices.measures}
    for seed in choices.seeds:
        fresh = frozen(network.with_random_weights(seed), device)
        found = evaluate_network(fresh, parts, choices._replace(seeds=(seed,)))
        for measure, values in found.items():
            scores[measure] += values
    return Row(name, size_of(network, choices.reading), scores)


def size_of(network: FrozenNetwork, reading: Reading) -> int:
    return reading.size or usual_size(network.views)


def protocol_of(choices: Choices, data: dict[str, Any], parts: LabeledParts, version: str) -> dict[str, Any]:
    """Every choice that moves the numbers, and the versions that they were measured with, this package's among them."""
    return dict(
        data=data,
        train_images=len(parts.train),
        held_out_images=len(parts.held_out),
        classes=list(parts.label_set.names),
        seeds=list(choices.seeds),
        pixels=choices.pixels,
        memory=choices.memory,
        augmentation_epochs=choices.augmentation_epochs,
        versions=versions_with(version),
    )


def versions_with(version: str) -> dict[str, str]:
    """What measured, by name; ``version`` is this package's."""
    return dict(slotcon_mm=version, torch=torch.__version__, mmengine=mmengine.__version__, numpy=np.__version__)
