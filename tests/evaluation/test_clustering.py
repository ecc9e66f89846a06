"""k-means for evaluation."""

from __future__ import annotations

import numpy as np
import pytest

from slotcon_mm.evaluation.clustering import kmeans, merge_prototypes


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


def test_as_many_groups_as_prototypes_leave_each_its_own():
    assert sorted(merge_prototypes(np.eye(4), np.ones(4), 4)) == [0, 1, 2, 3]


def test_fewer_points_than_clusters_are_refused():
    with pytest.raises(ValueError, match="at least 4 points"):
        kmeans(np.eye(3), 4, seed=0)
