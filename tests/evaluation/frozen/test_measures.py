"""The measures, given what they are made from."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from slotcon_mm.evaluation.frozen.grids import Grid
from slotcon_mm.evaluation.frozen.measures import MEASURES, Material, cluster
from slotcon_mm.evaluation.frozen.memory import Memory
from slotcon_mm.evaluation.frozen.sampled_pixels import Pixels

CLASSES, DIMENSIONS, THINGS = 3, 5, (1, 2)


def grid(position: int) -> Grid:
    """2 x 3 cells of 4 x 4 pixels, and labels that neither keep to cells nor fill them."""
    generator = torch.Generator().manual_seed(position)
    features = F.normalize(torch.randn(DIMENSIONS, 2, 3, generator=generator), dim=0)
    labels = np.random.default_rng(position).choice(np.array([0, 1, 2, 255], np.uint8), (8, 12), p=[0.3, 0.3, 0.3, 0.1])
    return Grid(position, features, None, labels, labels.astype(np.int32) % 255)


GRIDS = [grid(i) for i in range(4)]


def rows(count: int, seed: int) -> torch.Tensor:
    return torch.randn(count, DIMENSIONS, generator=torch.Generator().manual_seed(seed))


def score(name: str, material: Material) -> float:
    scorer = MEASURES[name].make(material, 0)
    for each in GRIDS:
        scorer.add(each)
    return scorer.score().value


def cluster_of_pixels(centroids: np.ndarray) -> list[tuple[int, int]]:
    """Cluster and label of every labeled pixel: the cluster whose centroid is the nearest of its cell's feature."""
    found = []
    for each in GRIDS:
        for y in range(8):
            for x in range(12):
                feature = each.features[:, y // 4, x // 4].numpy()
                distances = [sum((a - b) ** 2 for a, b in zip(feature, row, strict=True)) for row in centroids]
                if each.labels[y, x] != 255:
                    found.append((int(np.argmin(distances)), int(each.labels[y, x])))
    return found


def miou(pairs: list[tuple[int, int]], class_of: dict[int, int]) -> float:
    total = 0.0
    for label in range(CLASSES):
        hits = sum(class_of.get(cluster) == label == true for cluster, true in pairs)
        union = sum(label in (class_of.get(cluster), true) for cluster, true in pairs)
        total += hits / union
    return total / CLASSES


def test_kmeans_takes_the_matching_of_clusters_and_classes_that_keeps_most_pixels():
    centroids = 0.5 * rows(CLASSES, 0)
    pairs = cluster_of_pixels(centroids.numpy())
    best = max(permutations(range(CLASSES)), key=lambda order: sum(order[cluster] == true for cluster, true in pairs))
    found = score("kmeans", Material(CLASSES, THINGS, None, one_each=centroids))
    assert found == pytest.approx(miou(pairs, dict(enumerate(best))))


def test_five_clusters_a_class_take_the_class_that_most_of_their_pixels_have():
    centroids = 0.5 * rows(5 * CLASSES, 0)
    pairs = cluster_of_pixels(centroids.numpy())
    majority = {
        cluster: int(np.bincount([true for other, true in pairs if other == cluster]).argmax())
        for cluster in {cluster for cluster, _ in pairs}
    }
    found = score("kmeans-x5", Material(CLASSES, THINGS, None, many_each=centroids))
    assert found == pytest.approx(miou(pairs, majority))


def upsampled(cells: np.ndarray, y: int, x: int) -> np.ndarray:
    """(C,) bilinear at a pixel of 8 x 12, corners not aligned, edges repeated; ``cells`` (C, 2, 3)."""
    found = np.zeros(len(cells))
    cy, cx = (y + 0.5) / 4 - 0.5, (x + 0.5) / 4 - 0.5
    for row in (int(np.floor(cy)), int(np.floor(cy)) + 1):
        for column in (int(np.floor(cx)), int(np.floor(cx)) + 1):
            weight = (1 - abs(cy - row)) * (1 - abs(cx - column))
            found += weight * cells[:, min(max(row, 0), 1), min(max(column, 0), 2)]
    return found


def predicted_pixels(votes_of_cell) -> list[tuple[int, int]]:
    found = []
    for each in GRIDS:
        cells = np.stack([votes_of_cell(each.features[:, i // 3, i % 3].numpy()) for i in range(6)], axis=1)
        for y in range(8):
            for x in range(12):
                if each.labels[y, x] != 255:
                    best = int(upsampled(cells.reshape(-1, 2, 3), y, x).argmax())
                    found.append((best, int(each.labels[y, x])))
    return found


def test_knns_votes_are_enlarged_bilinearly_and_the_largest_counts():
    bank = F.normalize(rows(40, 1), dim=1)
    labels = torch.arange(40) % CLASSES

    def votes(feature: np.ndarray) -> np.ndarray:
        cosines = bank.numpy() @ feature
        found = np.zeros(CLASSES)
        for row in np.argsort(-cosines)[:20]:
            found[labels[row]] += np.exp(cosines[row] / 0.07)
        return found

    expected = miou(predicted_pixels(votes), {i: i for i in range(CLASSES)})
    assert score("knn", Material(CLASSES, THINGS, None, train=Pixels(bank, labels))) == pytest.approx(expected)


def test_retrievals_mixtures_are_enlarged_bilinearly_and_the_largest_counts():
    bank = F.normalize(rows(40, 1), dim=1)
    histograms = torch.rand(40, CLASSES, generator=torch.Generator().manual_seed(2))

    def votes(feature: np.ndarray) -> np.ndarray:
        cosines = bank.numpy() @ feature
        chosen = np.argsort(-cosines)[:30]
        weights = np.exp(cosines[chosen] / 0.02)
        return (weights[:, None] * histograms.numpy()[chosen]).sum(axis=0) / weights.sum()

    expected = miou(predicted_pixels(votes), {i: i for i in range(CLASSES)})
    memory = Memory(bank, histograms)
    assert score("retrieval", Material(CLASSES, THINGS, None, memory=memory)) == pytest.approx(expected)


def test_the_groups_of_objects_are_the_prototypes_of_a_network_that_has_them_at_its_temperature():
    scores = [torch.rand(4, 2, 3, generator=torch.Generator().manual_seed(i)) for i in range(len(GRIDS))]
    for name in ("discovery", "fg-ari"):
        own = MEASURES[name].make(Material(CLASSES, THINGS, 0.2), 0)
        for each, cosines in zip(GRIDS, scores, strict=True):
            own.add(each._replace(scores=cosines))
        # the same by centroids, in a space where each direction is a prototype
        others = MEASURES[name].make(Material(CLASSES, THINGS, None, many_each=3 * torch.eye(4)), 0)
        for each, cosines in zip(GRIDS, scores, strict=True):
            others.add(each._replace(features=cosines * (0.07 / 0.2 if name == "discovery" else 1)))
        assert own.score().value == pytest.approx(others.score().value)


def test_clusters_are_drawn_by_the_seed_alone():
    pixels = Pixels(rows(300, 0), torch.zeros(300, dtype=torch.long))
    assert cluster(pixels, 4, seed=1).equal(cluster(pixels, 4, seed=1))
    assert cluster(pixels, 4, seed=1).shape == (4, DIMENSIONS)
    assert not cluster(pixels, 4, seed=1).equal(cluster(pixels, 4, seed=2))


def test_fewer_pixels_than_clusters_are_refused():
    with pytest.raises(ValueError, match=r"expected at least 15 cells of the held-out images' feature maps .*, got 3"):
        cluster(Pixels(torch.eye(3), torch.zeros(3, dtype=torch.long)), 15, seed=0)
