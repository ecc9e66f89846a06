"""k-means for evaluation: fewer groups out of many prototypes, and groups by color as a baseline."""

from __future__ import annotations

import numpy as np
from scipy.cluster.vq import kmeans2, vq

__all__ = ["kmeans", "merge_prototypes", "merge_rows"]

LEAST_SHARE = 0.001


def kmeans(points_ND: np.ndarray, num_clusters: int, *, seed: int, restarts: int = 10) -> np.ndarray:
    """(G, D) centroids of the best of several starts by k-means++.

    Raises:
        ValueError: Fewer points than clusters.
    """
    if len(points_ND) < num_clusters:
        raise ValueError(f"expected at least {num_clusters} points to cluster, got {len(points_ND)}")
    runs = [
        kmeans2(points_ND, num_clusters, minit="++", iter=50, seed=seed + restart, missing="raise")[0]
        for restart in range(restarts)
    ]
    return min(runs, key=lambda centroids: float(np.square(vq(points_ND, centroids)[1]).sum()))


def merge_prototypes(prototypes_KD: np.ndarray, pixels_K: np.ndarray, num_groups: int, *, seed: int = 0) -> np.ndarray:
    """(K,) the group of each prototype: k-means of the normalized prototypes in use into ``num_groups``.

    In use are those that win a thousandth of all pixels (``pixels_K`` counts them); the others join the nearest group.
    Where no more are in use than groups are asked for, each has its own.
    """
    directions = prototypes_KD / np.linalg.norm(prototypes_KD, axis=1, keepdims=True)
    in_use = directions[pixels_K > LEAST_SHARE * pixels_K.sum()]
    centroids = in_use if len(in_use) <= num_groups else kmeans(in_use, num_groups, seed=seed)
    return vq(directions, centroids)[0]


def merge_rows(confusion_KC: np.ndarray, merged_K: np.ndarray, num_groups: int) -> np.ndarray:
    """(G, C): the rows of prototypes in one group added."""
    confusion_GC = np.zeros((num_groups, confusion_KC.shape[1]), np.int64)
    np.add.at(confusion_GC, merged_K, confusion_KC)
    return confusion_GC
