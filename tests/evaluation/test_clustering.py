"""k-means for evaluation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from slotcon_mm.evaluation.clustering import kmeans, merge_prototypes, spherical_kmeans


def test_kmeans_finds_separate_clusters():
    rng = np.random.default_rng(0)
    centers = np.array([[0.0, 0], [10, 0], [0, 10]])
    points = np.concatenate([c + rng.normal(0, 0.1, (50, 2)) for c in centers])
    found = kmeans(points, 3, seed=0)
    distance = np.linalg.norm(found[:, None] - centers, axis=2)
    assert sorted(distance.argmin(axis=1)) == [0, 1, 2]
    assert distance.min(axis=1).max() < 0.1


def test_prototypes_are_merged_by_direction_whatever_their_length():
    prototypes = np.array([[1.0, 0], [9, 0.1], [0, 2], [0.1, 0.5], [-3, 0]])
    merged = merge_prototypes(prototypes, np.full(5, 10), 3)
    assert merged[0] == merged[1]
    assert merged[2] == merged[3]
    assert len(set(merged)) == 3


def test_prototypes_out_of_use_found_no_group_and_join_the_nearest():
    prototypes = np.array([[1.0, 0], [0.9, 0.2], [0, 1], [-1, 0]])
    merged = merge_prototypes(prototypes, np.array([5000, 4999, 0, 5000]), 3)
    assert len({merged[0], merged[1], merged[3]}) == 3
    assert merged[2] == merged[1]


def test_many_prototypes_that_share_all_pixels_are_in_use():
    """A thousandth of all pixels is twice the share of each of them."""
    K, angles = 2000, np.repeat([0.0, 2.0, 4.0], [700, 700, 600])
    angles = angles + np.random.default_rng(0).uniform(-0.3, 0.3, K)
    merged_K = merge_prototypes(np.stack([np.cos(angles), np.sin(angles)], axis=1), np.full(K, 50), 3)
    assert [len(set(part)) for part in np.split(merged_K, [700, 1400])] == [1, 1, 1]
    assert set(merged_K) == {0, 1, 2}


def test_without_a_counted_pixel_all_prototypes_are_one_group():
    assert merge_prototypes(np.eye(4), np.zeros(4, int), 2).tolist() == [0, 0, 0, 0]


def test_as_many_groups_as_prototypes_leave_each_its_own():
    assert sorted(merge_prototypes(np.eye(4), np.ones(4), 4)) == [0, 1, 2, 3]


def test_fewer_points_than_clusters_are_refused():
    with pytest.raises(ValueError, match="at least 4 points"):
        kmeans(np.eye(3), 4, seed=0)


def test_points_that_are_all_equal_are_one_cluster():
    assert kmeans(np.full((20, 3), 0.5, np.float32), 4, seed=0).tolist() == [[0.5] * 3]


def test_fewer_different_points_than_clusters_are_a_cluster_each():
    points = np.eye(3)[np.arange(30) % 3]
    assert sorted(kmeans(points, 5, seed=0).tolist()) == sorted(np.eye(3).tolist())


@pytest.mark.parametrize("ripple", [1e-12, 1e-7, 1e-3])
@pytest.mark.parametrize("num_clusters", [2, 7, 20])
def test_points_that_are_all_but_equal_have_finite_centroids_among_them(ripple, num_clusters):
    points = (0.5 + ripple * np.random.default_rng(0).integers(5, size=(40, 3))).astype(np.float32)
    centroids = kmeans(points, num_clusters, seed=0)
    assert len(centroids) <= num_clusters
    assert np.isfinite(centroids).all()
    assert points.min() - 1e-6 <= centroids.min() <= centroids.max() <= points.max() + 1e-6


def test_the_best_of_several_starts_is_no_worse_than_any():
    points = np.random.default_rng(0).normal(size=(60, 2)).round(1)

    def inertia(centroids: np.ndarray) -> float:
        return float(np.square(points[:, None] - centroids).sum(axis=2).min(axis=1).sum())

    best = inertia(kmeans(points, 5, seed=3, restarts=6))
    assert all(best <= inertia(kmeans(points, 5, seed=3 + start, restarts=1)) + 1e-9 for start in range(6))


def test_clusters_are_drawn_by_the_seed_and_no_other_random_number_is():
    points, state = np.random.default_rng(0).normal(size=(50, 2)), np.random.get_state()[1].copy()
    assert np.array_equal(kmeans(points, 4, seed=1), kmeans(points, 4, seed=1))
    assert np.array_equal(np.random.get_state()[1], state)


def unit(points: np.ndarray) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.from_numpy(points), dim=1)


def test_spherical_kmeans_ends_where_each_direction_is_the_mean_of_the_points_it_wins():
    points = unit(np.random.default_rng(0).normal(size=(300, 5)))
    found = spherical_kmeans(points, 6, seed=0)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(6, dtype=points.dtype))
    winners = (points @ found.T).argmax(dim=1)
    for k in range(6):
        mean = points[winners == k].mean(dim=0)
        assert float(mean @ found[k] / mean.norm()) > 0.999


def test_spherical_kmeans_tells_directions_whatever_lies_in_between():
    rng = np.random.default_rng(0)
    axes = np.eye(4).repeat(40, axis=0)
    found = spherical_kmeans(unit(axes + rng.normal(0, 0.05, axes.shape)), 4, seed=0)
    assert sorted(found.argmax(dim=1).tolist()) == [0, 1, 2, 3]
    assert float(found.max(dim=1).values.min()) > 0.99


def test_spherical_kmeans_of_points_that_are_all_alike_is_finite():
    found = spherical_kmeans(unit(np.ones((20, 3))), 4, seed=0)
    assert found.shape == (4, 3)
    assert bool(found.isfinite().all())


def test_spherical_kmeans_of_fewer_points_than_clusters_is_refused():
    with pytest.raises(ValueError, match="at least 4 points"):
        spherical_kmeans(unit(np.eye(3)), 4, seed=0)
