"""Means over all ranks, written so that a run does not depend on how its batch is split."""

from __future__ import annotations

from mmengine.dist import all_reduce, get_world_size
from torch import Tensor

__all__ = ["mean_over_ranks"]


def mean_over_ranks(local_sum: Tensor, local_count: Tensor) -> tuple[Tensor, Tensor]:
    """Local sum * world size / global count, and the global count.

    DistributedDataParallel averages gradients over ranks, so this local loss yields the gradient of the global mean;
    its own mean over ranks is the global mean. (The published code takes a mean of the ranks' means.)
    """
    count = local_count.clone()
    all_reduce(count)
    return local_sum * get_world_size() / count.clamp(min=1), count
