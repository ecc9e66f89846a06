"""k-means for evaluation: fewer groups out of many prototypes, and groups by color as a baseline."""

from __future__ import annotations

import warnings

import numpy as np
import torch
import torch.nn.functional as F
from scipy.cluster.vq import ClusterError, kmeans2, vq
from scipy.spatial.distance import cdist
from torch import Tensor

__all__ = ["kmeans", "merge_prototypes", "merge_rows", "spherical_kmeans"]

LEAST_SHARE = 0.001
ITERATIONS = 50


def kmeans(points_ND: np.ndarray, num_clusters: int, *, seed: int, restarts: int = 10) -> np.ndarray:
    """(G, D) centroids of the best of several starts by k-means++.

    Where there are fewer different points than clusters (features that have collapsed), each is a centroid.

    Raises:
        ValueError: Fewer points than clusters.
    """
    if len(points_ND) < num_clusters:
        raise ValueError(f"expected at least {num_clusters} points to cluster, got {len(points_ND)}")
    starts = [one_start(points_ND, num_clusters, seed + restart) for restart in range(restarts)]
    runs = [centroids for centroids in starts if centroids is not None]
    if not runs:
        different = np.unique(points_ND, axis=0)
        if len(different) <= num_clusters:
            return different
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of clusters without points: they keep their first centroid
            return kmeans2(points_ND, num_clusters, minit="++", iter=ITERATIONS, seed=seed)[0]
    return min(runs, key=lambda centroids: float(np.square(vq(points_ND, centroids)[1]).sum()))


def spherical_kmeans(points_ND: Tensor, num_clusters: int, *, seed: int) -> Tensor:
    """(G, D) directions of length 1 that raise the sum of points' cosines with the nearest (Dhillon and Modha, 2001).

    It starts by k-means++. A cluster that loses its points takes the one that lies farthest from all.

    Args:
        points_ND: Of length 1.
        num_clusters: G, at most N.
        seed: Of the start.
    """
    if len(points_ND) < num_clusters:
        raise ValueError(f"expected at least {num_clusters} points to cluster, got {len(points_ND)}")
    starts = spread_starts(points_ND.cpu().numpy(), num_clusters, seed)
    if starts is None:  # fewer are different
        starts = points_ND[:num_clusters].cpu().numpy()
    directions_GD = torch.from_numpy(starts).to(points_ND)
    for _ in range(ITERATIONS):
        cosine_N, nearest_N = (points_ND @ directions_GD.T).max(dim=1)
        sums_GD = torch.zeros_like(directions_GD).index_add_(0, nearest_N, points_ND)
        empty_G = torch.bincount(nearest_N, minlength=num_clusters) == 0
        sums_GD[empty_G] = points_ND[cosine_N.argsort()[: int(empty_G.sum())]]
        moved_GD = F.normalize(sums_GD, dim=1)
        if moved_GD.equal(directions_GD):
            break
        directions_GD = moved_GD
    return directions_GD


def one_start(points_ND: np.ndarray, num_clusters: int, seed: int) -> np.ndarray | None:
    """None where a cluster loses all its points."""
    starts = spread_starts(points_ND, num_clusters, seed)
    if starts is None:
        return None
    try:
        return kmeans2(points_ND, starts, minit="matrix", iter=ITERATIONS, missing="raise")[0]
    except ClusterError:
        return None


def spread_starts(points_ND: np.ndarray, num_clusters: int, seed: int) -> np.ndarray | None:
    """(G, D) points by k-means++ (Arthur and Vassilvitskii, 2007); None where fewer are different.

    They are those of SciPy's ``kmeans2(minit="++", seed=seed)``, which computes anew for each centroid the distances
    from all before it: the square of G in time.
    """
    rng = np.random.RandomState(seed)
    points = points_ND.astype(np.float64)  # as SciPy's distances are
    chosen = [int(rng.randint(len(points)))]
    squared_N = np.full(len(points), np.inf)
    while len(chosen) < num_clusters:
        squared_N = np.minimum(squared_N, cdist(points[chosen[-1:]], points, "sqeuclidean")[0])
        if not squared_N.any():
            return None
        shares_N = squared_N / squared_N.sum()
        place = int(np.searchsorted(shares_N.cumsum(), rng.uniform()))
        chosen.append(min(place, len(points) - 1))  # the sum may end below 1 by rounding
    return points_ND[chosen]


def merge_prototypes(prototypes_KD: np.ndarray, pixels_K: np.ndarray, num_groups: int, *, seed: int = 0) -> np.ndarray:
    """(K,) the group of each prototype: k-means of the normalized prototypes in use into ``num_groups``.

    In use are those that win a thousandth of all pixels (``pixels_K`` counts them), or half of an even share where that
    is less (K above 500); the others join the nearest group. Where no more are in use than groups are asked for, each
    has its own. Without a pixel, all are of group 0.
    """
    if not pixels_K.any():
        return np.zeros(len(prototypes_KD), np.int64)
    least = min(LEAST_SHARE, 0.5 / len(prototypes_KD)) * pixels_K.sum()
    directions = prototypes_KD / np.linalg.norm(prototypes_KD, axis=1, keepdims=True)
    in_use = directions[pixels_K > least]
    centroids = in_use if len(in_use) <= num_groups else kmeans(in_use, num_groups, seed=seed)
    return vq(directions, centroids)[0]


def merge_rows(confusion_KC: np.ndarray, merged_K: np.ndarray, num_groups: int) -> np.ndarray:
    """(G, C): the rows of prototypes in one group added."""
    confusion_GC = np.zeros((num_groups, confusion_KC.shape[1]), np.int64)
    np.add.at(confusion_GC, merged_K, confusion_KC)
    return confusion_GC
