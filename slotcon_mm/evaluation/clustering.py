"""k-means for evaluation: fewer groups out of many prototypes, and groups by colour as a baseline."""

from __future__ import annotations

import numpy as np
from scipy.cluster.vq import kmeans2, vq

__all__ = ["kmeans", "merge_prototypes"]


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


def merge_prototypes(prototypes_KD: np.ndarray, num_groups: int, *, seed: int = 0) -> np.ndarray:
    """(K,) the group of each prototype: k-means of the normalised prototypes into ``num_groups``.

    With as many groups as prototypes each is its own.
    """
    if len(prototypes_KD) == num_groups:
        return np.arange(num_groups)
    directions = prototypes_KD / np.linalg.norm(prototypes_KD, axis=1, keepdims=True)
    return vq(directions, kmeans(directions, num_groups, seed=seed))[0]
