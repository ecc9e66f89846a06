"""The measures by name, and what each is computed from."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dist import broadcast
from torch import Tensor

from slotcon_mm.evaluation.clustering import kmeans
from slotcon_mm.evaluation.frozen.grids import Grid, nearest_places, rows_of
from slotcon_mm.evaluation.frozen.memory import Memory
from slotcon_mm.evaluation.frozen.objects import best_jaccard, foreground_ari, group_masks
from slotcon_mm.evaluation.frozen.sampled_pixels import Pixels
from slotcon_mm.evaluation.frozen.scorers import ImageScorer, MapScorer, Scorer
from slotcon_mm.evaluation.frozen.votes import Votes, attend, neighbor_votes, probe_votes
from slotcon_mm.evaluation.matching import match_majority, match_one_to_one
from slotcon_mm.models.functional import upsampled_argmax

__all__ = ["MANY", "MEASURES", "Material", "Measure", "cluster"]

CLUSTERED_PIXELS, RESTARTS = 20_000, 3
MANY = 5  # clusters a class
TEMPERATURE = 0.07  # of masks, where there are no prototypes whose own it could be


class Material(NamedTuple):
    """What measures are made from; None where no chosen measure asks for it.

    Attributes:
        num_classes: C.
        things: Classes that count as objects.
        temperature: Of the prototypes; None: the network has none.
        train: Labeled pixels of the training images.
        memory: Patches of the training images.
        one_each: Centroids (C, D) of the held-out images' pixels, a cluster a class.
        many_each: Centroids (5 C, D), five a class.
    """

    num_classes: int
    things: tuple[int, ...]
    temperature: float | None
    train: Pixels | None = None
    memory: Memory | None = None
    one_each: Tensor | None = None
    many_each: Tensor | None = None


class Measure(NamedTuple):
    """A measure.

    Attributes:
        title: Of its column.
        needs: Which parts of ``Material`` it is made from.
        make: Material and seed to a scorer.
        uses_prototypes: Whether a network's prototypes take the place of clusters.
        needs_instances: Whether held-out samples must have ``gt_instances``.
    """

    title: str
    needs: tuple[str, ...]
    make: Callable[[Material, int], Scorer]
    uses_prototypes: bool = False
    needs_instances: bool = False


def by_votes(votes: Votes, num_classes: int) -> Scorer:
    def predict(grid: Grid) -> np.ndarray:
        scores_1Chw = votes(rows_of(grid.features)).T.reshape(1, num_classes, *grid.features.shape[1:])
        return upsampled_argmax(scores_1Chw, grid.labels.shape)[0].cpu().numpy()

    return MapScorer(predict, num_classes, num_classes)


def knn(material: Material, seed: int) -> Scorer:
    assert material.train is not None
    return by_votes(neighbor_votes(material.train, material.num_classes, seed=seed), material.num_classes)


def probe(material: Material, seed: int) -> Scorer:
    assert material.train is not None
    return by_votes(probe_votes(material.train, material.num_classes, seed=seed), material.num_classes)


def retrieval(material: Material, seed: int) -> Scorer:
    assert material.memory is not None
    return by_votes(attend(material.memory), material.num_classes)


def one_to_one(material: Material, seed: int) -> Scorer:
    assert material.one_each is not None
    return by_clusters(material.one_each, material.num_classes, match_one_to_one)


def many_to_one(material: Material, seed: int) -> Scorer:
    assert material.many_each is not None
    return by_clusters(material.many_each, material.num_classes, match_majority)


def by_clusters(centroids_GD: Tensor, num_classes: int, match: Callable[[np.ndarray], np.ndarray]) -> Scorer:
    """Each pixel belongs to the cluster of the nearest centroid."""

    def predict(grid: Grid) -> np.ndarray:
        cells_hw = closest(rows_of(grid.features), centroids_GD).view(grid.features.shape[1:]).cpu().numpy()
        return cells_hw[np.ix_(*map(nearest_places, grid.labels.shape, cells_hw.shape))]

    return MapScorer(predict, len(centroids_GD), num_classes, match)


def discovery(material: Material, seed: int) -> Scorer:
    score, temperature = group_scores(material)

    def measure(grid: Grid) -> float | None:
        masks = group_masks(score(grid), temperature).cpu().numpy()
        return best_jaccard(masks, grid.labels, material.things)

    return ImageScorer(measure)


def ari(material: Material, seed: int) -> Scorer:
    score, _ = group_scores(material)

    def measure(grid: Grid) -> float | None:
        assert grid.instances is not None
        groups = upsampled_argmax(score(grid)[None], grid.instances.shape)[0]
        return foreground_ari(groups.cpu().numpy(), grid.instances)

    return ImageScorer(measure)


def group_scores(material: Material) -> tuple[Callable[[Grid], Tensor], float]:
    """(K, h, w) cosines with the network's prototypes or, where it has none, with centroids; and the temperature."""
    if material.temperature is not None:
        return own_scores, material.temperature
    assert material.many_each is not None
    directions_GD = F.normalize(material.many_each, dim=1)
    return lambda grid: torch.einsum("gd,dhw->ghw", directions_GD, grid.features), TEMPERATURE


def own_scores(grid: Grid) -> Tensor:
    assert grid.scores is not None
    return grid.scores


def cluster(pixels: Pixels, num_clusters: int, seed: int) -> Tensor:
    """(G, D) centroids: k-means of 20,000 pixels, the best of three starts; the same on every process.

    Raises:
        ValueError: Fewer pixels than clusters.
    """
    if len(pixels.features) < num_clusters:
        raise ValueError(
            f"expected at least {num_clusters} cells of the held-out images' feature maps for as many clusters, got "
            f"{len(pixels.features)}: hold out more images, show them at a larger size, or leave out the measures that "
            "cluster"
        )
    sample = np.random.default_rng(seed).permutation(len(pixels.features))[:CLUSTERED_PIXELS]
    points = pixels.features.cpu().numpy()[sample]
    found = torch.from_numpy(kmeans(points, num_clusters, seed=seed, restarts=RESTARTS)).to(pixels.features)
    broadcast(found)
    return found


def closest(rows_PD: Tensor, centroids_GD: Tensor) -> Tensor:
    """(P,) the nearest centroid of each row."""
    return (rows_PD @ centroids_GD.T - centroids_GD.square().sum(dim=1) / 2).argmax(dim=1)


MEASURES = {
    "knn": Measure("dense k-NN", ("train",), knn),
    "retrieval": Measure("retrieval", ("memory",), retrieval),
    "probe": Measure("linear probe", ("train",), probe),
    "kmeans": Measure("k-means", ("one_each",), one_to_one),
    "kmeans-x5": Measure("k-means x 5", ("many_each",), many_to_one),
    "discovery": Measure("discovery", ("many_each",), discovery, uses_prototypes=True),
    "fg-ari": Measure("FG-ARI", ("many_each",), ari, uses_prototypes=True, needs_instances=True),
}
