"""Means over all ranks and rows of all ranks, written so that a run does not depend on how its batch is split."""

from __future__ import annotations

from mmengine.dist import all_reduce, get_world_size
from torch import Tensor
from torch import distributed as dist

__all__ = ["mean_over_ranks", "rows_of_all_ranks"]


def mean_over_ranks(local_sum: Tensor, local_count: Tensor) -> tuple[Tensor, Tensor]:
    """Local sum * world size / global count, and the global count.

    DistributedDataParallel averages gradients over ranks, so this local loss yields the gradient of the global mean;
    its own mean over ranks is the global mean. (The published code takes a mean of the ranks' means.)
    """
    count = local_count.clone()
    all_reduce(count)
    return local_sum * get_world_size() / count.clamp(min=1), count


def rows_of_all_ranks(rows: Tensor) -> Tensor:
    """(R, ...) of each rank, the same R on all, to (world size * R, ...), by rank; without gradient."""
    if get_world_size() == 1:
        return rows
    gathered = rows.new_empty(get_world_size() * len(rows), *rows.shape[1:])
    dist.all_gather_into_tensor(gathered, rows.contiguous())
    return gathered
