"""How well groups find objects: the Jaccard index of the best group for each class, and FG-ARI."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor

from slotcon_mm.evaluation.frozen.grids import nearest_places

__all__ = ["best_jaccard", "foreground_ari", "group_masks"]

LEAST_MASS, KEPT_SHARE = 1.0, 0.99


def group_masks(scores_Khw: Tensor, temperature: float) -> Tensor:
    """(G, h, w) bool: of each prototype with a mass above 1, the fewest cells that hold 99 % of its mass.

    A cell's mass is divided among prototypes by the softmax of their scores / temperature (SlotMIM, CVPR 2025).
    """
    share_KP = (scores_Khw.flatten(1).double() / temperature).softmax(dim=0)
    share_GP = share_KP[share_KP.sum(dim=1) > LEAST_MASS]
    value_GP, order_GP = share_GP.sort(dim=1, descending=True, stable=True)
    before_GP = value_GP.cumsum(dim=1) - value_GP
    held_GP = before_GP < KEPT_SHARE * value_GP.sum(dim=1, keepdim=True)
    masks_GP = torch.zeros_like(held_GP).scatter_(1, order_GP, held_GP)
    return masks_GP.view(-1, *scores_Khw.shape[1:])


def best_jaccard(masks_Ghw: np.ndarray, labels_HW: np.ndarray, classes: Collection[int]) -> float | None:
    """Mean over those of ``classes`` that are in an image of the best mask's intersection over union; in [0, 1].

    Masks are enlarged to the labels' size (nearest). Pixels without a label count in the union. None: the image has no
    such class.
    """
    if not len(masks_Ghw):
        return 0.0 if np.isin(labels_HW, list(classes)).any() else None
    num_cells = masks_Ghw[0].size
    cells_hw = np.arange(num_cells).reshape(masks_Ghw.shape[1:])
    cells_HW = cells_hw[np.ix_(*map(nearest_places, labels_HW.shape, cells_hw.shape))]
    pairs_N = cells_HW.ravel() * 256 + labels_HW.ravel()
    counts_PV = np.bincount(pairs_N, minlength=num_cells * 256).reshape(num_cells, 256)
    inside_GV = masks_Ghw.reshape(len(masks_Ghw), -1).astype(np.int64) @ counts_PV
    found = []
    for label in classes:
        pixels = int((labels_HW == label).sum())
        if pixels:
            union_G = inside_GV.sum(axis=1) + pixels - inside_GV[:, label]
            found.append(float((inside_GV[:, label] / union_G).max()))
    return sum(found) / len(found) if found else None


def foreground_ari(groups_HW: np.ndarray, instances_HW: np.ndarray) -> float | None:
    """The adjusted Rand index (Hubert and Arabie, 1985) of groups and instances, on the pixels of instances.

    1: the same partition; 0: what chance gives. None for fewer than two instances, which tell nothing of a partition.
    """
    foreground = instances_HW > 0
    instances, places = np.unique(instances_HW[foreground], return_inverse=True)
    if len(instances) < 2:
        return None
    groups, members = np.unique(groups_HW[foreground], return_inverse=True)
    table = np.zeros((len(groups), len(instances)))
    np.add.at(table, (members, places), 1)
    together, of_groups, of_instances, all_pairs = (
        pairs(counts) for counts in (table, table.sum(axis=1), table.sum(axis=0), table.sum())
    )
    expected = of_groups * of_instances / all_pairs
    most = (of_groups + of_instances) / 2
    return float((together - expected) / (most - expected)) if most > expected else 1.0


def pairs(counts: np.ndarray) -> float:
    """How many pairs there are within groups of these sizes."""
    return float((counts * (counts - 1) / 2).sum())
