"""Batch normalization over all ranks' devices, without waiting for the device.

torch's own (``torch.nn.SyncBatchNorm``) looks in every forward for ranks that had an empty batch and leaves them out,
and the host waits three times for what it finds (https://github.com/pytorch/pytorch/issues/78656). In pretraining no
rank's batch is empty, so there is nothing to leave out: the same kernels, the same numbers, no wait.
"""

from __future__ import annotations

from functools import reduce
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

__all__ = ["SyncedNormalization"]


class SyncedNormalization(torch.autograd.Function):
    """(x - mean) / sqrt(variance + eps) * weight + bias with mean and variance of all ranks' x (B, C, ...).

    The batch holds ``views`` equal parts, one after the other; each has its own mean and variance, and moves the
    running statistics by itself, the first one first, the variance unbiased. However many they are, there are two
    collectives: one gathers each rank's means, deviations and row count, one sums two gradients in the backward.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, running_mean: Tensor, running_var: Tensor, eps: float,
        momentum: float, views: int,
    ) -> Tensor:  # fmt: skip
        if x.numel() == 0:
            raise ValueError(f"expected images on every rank for synchronized batch normalization, got {x.shape}")
        x = dense(x)
        parts = x.chunk(views)
        moments = [torch.batch_norm_stats(part, eps) for part in parts]  # mean and 1 / deviation of this rank
        C = len(moments[0][0])
        mine = torch.cat([*chain(*moments), moments[0][0].new_full((1,), x.numel() // views // C)])
        gathered = mine.new_empty(dist.get_world_size() * len(mine))
        dist.all_gather_into_tensor(gathered, mine)
        *moments_NC, count_N1 = gathered.view(-1, len(mine)).split([C] * (2 * views) + [1], dim=1)
        count_N = count_N1.flatten()
        joined = [
            torch.batch_norm_gather_stats_with_counts(
                part, mean_NC, inverse_NC, running_mean, running_var, momentum, eps, count_N.to(running_mean.dtype)
            )
            for part, mean_NC, inverse_NC in zip(parts, moments_NC[::2], moments_NC[1::2], strict=True)
        ]
        ctx.save_for_backward(x, weight, count_N.int(), *chain(*joined))
        y = torch.empty_like(x)
        for part, whole, (mean_C, inverse_C) in zip(parts, y.chunk(views), joined, strict=True):
            torch.batch_norm_elemt(part, weight, bias, mean_C, inverse_C, eps, out=whole)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        x, weight, count_N, *joined = ctx.saved_tensors
        gradient = dense(gradients[0])
        views = len(joined) // 2
        parts = list(zip(gradient.chunk(views), x.chunk(views), joined[::2], joined[1::2], strict=True))
        sums = [torch.batch_norm_backward_reduce(*part, weight, *ctx.needs_input_grad[:3]) for part in parts]
        x_gradient = None
        if ctx.needs_input_grad[0]:
            all_FC = torch.stack([total_C for found in sums for total_C in found[:2]])
            dist.all_reduce(all_FC)
            x_gradient = join(
                torch.batch_norm_backward_elemt(*part, weight.to(all_FC.dtype), total_C, product_C, count_N)
                for part, total_C, product_C in zip(parts, all_FC[::2], all_FC[1::2], strict=True)
            )
        weight_gradient, bias_gradient = (
            reduce(torch.add, [found[i] for found in sums]) if ctx.needs_input_grad[i - 1] else None for i in (2, 3)
        )
        return x_gradient, weight_gradient, bias_gradient, *[None] * 5


def dense(x: Tensor) -> Tensor:
    """In one of the two layouts that the kernels take."""
    return x if x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last) else x.contiguous()


def join(parts: Any) -> Tensor:
    """The parts one after the other, without a copy if there is only one."""
    tensors = list(parts)
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors)
