"""The measures by name, and what each is computed from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
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

__all__ = ["MEASURES", "Material", "Measure"]

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
        held_out: Pixels of the held-out images, labeled or not, for clusters.
    """

    num_classes: int
    things: tuple[int, ...]
    temperature: float | None
    train: Pixels | None = None
    memory: Memory | None = None
    held_out: Pixels | None = None


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

    return MapScorer(predict, num_classes, num_classes, lambda confusion: np.arange(num_classes))


def knn(material: Material, seed: int) -> Scorer:
    assert material.train is not None
    return by_votes(neighbor_votes(material.train, material.num_classes, seed=seed), material.num_classes)


def probe(material: Material, seed: int) -> Scorer:
    assert material.train is not None
    return by_votes(probe_votes(material.train, material.num_classes, seed=seed), material.num_classes)


def retrieval(material: Material, seed: int) -> Scorer:
    assert material.memory is not None
    return by_votes(attend(material.memory), material.num_classes)


def clusters(material: Material, seed: int, *, each: int = 1) -> Scorer:
    """One cluster a class, matched one to one; or several a class, each of which stands for its most frequent one."""
    centroids_GD = centroids(material, seed, each)

    def predict(grid: Grid) -> np.ndarray:
        cells_hw = closest(rows_of(grid.features), centroids_GD).view(grid.features.shape[1:]).cpu().numpy()
        return cells_hw[np.ix_(*map(nearest_places, grid.labels.shape, cells_hw.shape))]

    match = match_one_to_one if each == 1 else match_majority
    return MapScorer(predict, len(centroids_GD), material.num_classes, match)


def discovery(material: Material, seed: int) -> Scorer:
    score, temperature = group_scores(material, seed)

    def measure(grid: Grid) -> float | None:
        masks = group_masks(score(grid), temperature).cpu().numpy()
        return best_jaccard(masks, grid.labels, material.things)

    return ImageScorer(measure)


def ari(material: Material, seed: int) -> Scorer:
    score, _ = group_scores(material, seed)

    def measure(grid: Grid) -> float | None:
        assert grid.instances is not None
        groups = upsampled_argmax(score(grid)[None], grid.instances.shape)[0]
        return foreground_ari(groups.cpu().numpy(), grid.instances)

    return ImageScorer(measure)


def group_scores(material: Material, seed: int) -> tuple[Callable[[Grid], Tensor], float]:
    """(K, h, w) cosines with the network's prototypes or, where it has none, with centroids; and the temperature."""
    if material.temperature is not None:
        return own_scores, material.temperature
    centroids_GD = torch.nn.functional.normalize(centroids(material, seed, MANY), dim=1)

    def score(grid: Grid) -> Tensor:
        return torch.einsum("gd,dhw->ghw", centroids_GD, grid.features)

    return score, TEMPERATURE


def own_scores(grid: Grid) -> Tensor:
    assert grid.scores is not None
    return grid.scores


def centroids(material: Material, seed: int, each: int) -> Tensor:
    """(G, D): k-means of held-out pixels, 20,000 of them, with ``each`` clusters a class."""
    assert material.held_out is not None
    features_PD = material.held_out.features
    sample = np.random.default_rng(seed).permutation(len(features_PD))[:CLUSTERED_PIXELS]
    points = features_PD.cpu().numpy()[sample]
    found = torch.from_numpy(kmeans(points, each * material.num_classes, seed=seed, restarts=RESTARTS))
    found = found.to(features_PD)
    broadcast(found)
    return found


def closest(rows_PD: Tensor, centroids_GD: Tensor) -> Tensor:
    """(P,) the nearest centroid of each row."""
    return (rows_PD @ centroids_GD.T - centroids_GD.square().sum(dim=1) / 2).argmax(dim=1)


MEASURES = {
    "knn": Measure("dense k-NN", ("train",), knn),
    "retrieval": Measure("retrieval", ("memory",), retrieval),
    "probe": Measure("linear probe", ("train",), probe),
    "kmeans": Measure("k-means", ("held_out",), clusters),
    "kmeans-x5": Measure("k-means x 5", ("held_out",), partial(clusters, each=MANY)),
    "discovery": Measure("discovery", ("held_out",), discovery, uses_prototypes=True),
    "fg-ari": Measure("FG-ARI", ("held_out",), ari, uses_prototypes=True, needs_instances=True),
}
