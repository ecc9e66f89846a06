"""What a frozen network's features are like on images without labels: for one network before and after a training."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch

from slotcon_mm.checks import expect_positive
from slotcon_mm.evaluation.frozen.grids import Reading, each_batch, encode_each, rows_of
from slotcon_mm.evaluation.frozen.neighbor_agreement import NeighborAgreement, sample_queries
from slotcon_mm.evaluation.frozen.networks import FrozenNetwork
from slotcon_mm.evaluation.frozen.parts import spread
from slotcon_mm.evaluation.frozen.prototype_usage import PrototypeUsage
from slotcon_mm.evaluation.frozen.sampled_pixels import RowsByImage, draw_cells
from slotcon_mm.models.functional import feature_rank
from slotcon_mm.models.input_sizes import usual_size

__all__ = ["MOST_IMAGES", "MOST_PIXELS", "Description", "describe_network"]

MOST_IMAGES, MOST_PIXELS = 200, 5_000


class Description(NamedTuple):
    """Of a network, on images without labels.

    Attributes:
        rank: Effective rank of pixel features, see ``feature_rank``; at most ``full_rank``.
        full_rank: Channels, or pixels where those are fewer.
        agreement: Share of pixels of second views whose nearest neighbor is the same place, see ``NeighborAgreement``.
        chance: What ``agreement`` would be for neighbors drawn at random.
        used_prototypes: Perplexity of the assignment of pixels, see ``PrototypeUsage``; NaN without prototypes.
        prototypes_an_image: How many prototypes have a pixel of an image, a mean over images; NaN without.
        prototypes: K; 0 without.
        images: That were looked at.
    """

    rank: float
    full_rank: int
    agreement: float
    chance: float
    used_prototypes: float
    prototypes_an_image: float
    prototypes: int
    images: int


def describe_network(
    network: FrozenNetwork, dataset: Any, reading: Reading | None = None, *, seed: int = 0,
    most_images: int = MOST_IMAGES, most_pixels: int = MOST_PIXELS,
) -> Description:  # fmt: skip
    """Rank, agreement of neighbors between two views and usage of prototypes; the same on every process.

    The first view of an image is the image as ``evaluate_network`` shows it, the second one is of ``SecondViews``.
    All draws depend on the seed, an image's place in the sample and its size, so that networks see the same. The
    number of processes and the batch size change nothing but the rounding of features. Memory is bounded by
    ``most_pixels`` and by what a batch takes.

    Args:
        network: On its device.
        dataset: Samples with ``img`` (H, W, 3) uint8 RGB, of any sizes.
        reading: How images are read and at which size they are shown.
        seed: Of the draws of pixels and second views.
        most_images: That are looked at, evenly over the dataset.
        most_pixels: About so many give the rank, and so many others look for neighbors.

    Raises:
        ValueError: No images, numbers that are not positive, or features that are not finite.
    """
    reading = Reading() if reading is None else reading
    expect_positive(
        most_images=most_images, most_pixels=most_pixels, batch_size=reading.batch_size, size=reading.size or 1
    )
    if not len(dataset):
        raise ValueError("expected images, got none")
    images = spread(dataset, most_images)
    agreement = NeighborAgreement(sample_queries(network, images, reading, most=most_pixels, seed=seed))
    expect_finite(agreement.queries.features)
    rows, usage, each = RowsByImage(), PrototypeUsage(), -(-most_pixels // len(images))
    for batch in each_batch(images, reading, "images"):
        encodings = encode_each(network, [s["img"] for s in batch], reading.size or usual_size(network.views))
        for sample, (features, scores) in zip(batch, encodings, strict=True):
            position = sample["position"]
            chosen = draw_cells(features[0].numel(), each, (seed, position, 2))
            rows.add(position, rows_of(features)[chosen.to(features.device)])
            agreement.add(position, features)
            if scores is not None:
                usage.add(position, scores)
    (pixels,) = rows.gather()
    expect_finite(pixels)
    share, chance = agreement.score()
    used, an_image = usage.score() if network.neck is not None else (math.nan, math.nan)
    return Description(
        rank=float(feature_rank(pixels)), full_rank=min(pixels.shape), agreement=share, chance=chance,
        used_prototypes=used, prototypes_an_image=an_image,
        prototypes=0 if network.neck is None else network.neck.num_prototypes, images=len(images),
    )  # fmt: skip


def expect_finite(features: torch.Tensor) -> None:
    if not features.isfinite().all():
        raise ValueError("expected finite features, got NaN or infinity: the weights are those of a run that diverged")
