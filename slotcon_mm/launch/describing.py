"""A description of networks on images without labels, from its weights to its table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from slotcon_mm.checks import expect_positive
from slotcon_mm.evaluation.frozen.describe import MOST_IMAGES, MOST_PIXELS, describe_network
from slotcon_mm.evaluation.frozen.description_table import DescribedRow
from slotcon_mm.evaluation.frozen.grids import Reading
from slotcon_mm.evaluation.frozen.networks import FrozenNetwork, frozen
from slotcon_mm.launch.evaluating import open_networks, size_of, to_randomize, versions_with

__all__ = ["describe_weights", "description_protocol"]


def describe_weights(
    weights: Sequence[str], dataset: Any, reading: Reading, seeds: Sequence[int], *, most_images: int = MOST_IMAGES,
    backbone: str | None = None, source: str | None = None, random: bool = True, device: str = "cpu",
) -> Iterator[DescribedRow]:  # fmt: skip
    """A row for each weights, then one for each of their networks with random weights, as soon as it is measured.

    Args:
        weights: See ``network_of_weights``, as ``backbone`` and ``source``.
        dataset: Images without labels.
        reading: How they are read and shown.
        seeds: Of draws, and of random weights: a description for each.
        most_images: That are looked at.
        backbone: Of files that do not say what their network is.
        source: Teacher or student.
        random: Whether random weights are described too.
        device: Where the networks run.

    Raises:
        ValueError: All weights are tried before the first is measured; one of them does not fill its network.
    """
    expect_positive(seeds=len(seeds))
    networks = open_networks(weights, backbone, source)

    def described(network: FrozenNetwork, seed: int) -> Any:
        return describe_network(frozen(network, device), dataset, reading, seed=seed, most_images=most_images)

    for name, network in networks.items():
        found = [described(network, seed) for seed in seeds]
        frozen(network, "cpu")  # the device's memory holds one network at a time
        yield DescribedRow(name, size_of(network, reading), found)
    for title, network in to_randomize(networks).items() if random else ():
        found = [described(network.with_random_weights(seed), seed) for seed in seeds]
        yield DescribedRow(title, size_of(network, reading), found)


def description_protocol(
    folder: str, dataset: Any, seeds: Sequence[int], most_images: int, version: str
) -> dict[str, Any]:
    """Every choice that moves the numbers, and the versions that they were measured with."""
    return dict(
        images=folder,
        images_there=len(dataset),
        most_images=most_images,
        pixels=MOST_PIXELS,
        seeds=list(seeds),
        versions=versions_with(version),
    )
