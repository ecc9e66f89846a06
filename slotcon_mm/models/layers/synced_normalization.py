"""Batch normalization over all ranks' devices, without waiting for the device.

torch's own (``torch.nn.SyncBatchNorm``) looks in every forward for ranks that had an empty batch and leaves them out,
and the host waits three times for what it finds (https://github.com/pytorch/pytorch/issues/78656). In pretraining no
rank's batch is empty, so there is nothing to leave out: the same kernels, the same numbers, no wait.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

__all__ = ["SyncedNormalization"]


class SyncedNormalization(torch.autograd.Function):
    """(x - mean) / sqrt(variance + eps) * weight + bias with mean and variance of all ranks' x (B, C, ...).

    Two collectives: one gathers each rank's means, deviations and row counts, one sums two gradients in the backward.
    The running statistics move in the forward, the variance unbiased.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, running_mean: Tensor, running_var: Tensor, eps: float,
        momentum: float,
    ) -> Tensor:  # fmt: skip
        if x.numel() == 0:
            raise ValueError(f"expected images on every rank for synchronized batch normalization, got {x.shape}")
        x = dense(x)
        mean_C, inverse_C = torch.batch_norm_stats(x, eps)
        C = len(mean_C)
        mine = torch.cat([mean_C, inverse_C, mean_C.new_full((1,), x.numel() // C)])
        all_N = [torch.empty_like(mine) for _ in range(dist.get_world_size())]
        dist.all_gather(all_N, mine)
        mean_NC, inverse_NC, count_N1 = torch.stack(all_N).split([C, C, 1], dim=1)
        count_N = count_N1.flatten()
        mean_C, inverse_C = torch.batch_norm_gather_stats_with_counts(
            x, mean_NC.contiguous(), inverse_NC.contiguous(), running_mean, running_var, momentum, eps,
            count_N.to(running_mean.dtype),
        )  # fmt: skip
        ctx.save_for_backward(x, weight, mean_C, inverse_C, count_N.int())
        return torch.batch_norm_elemt(x, weight, bias, mean_C, inverse_C, eps)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        x, weight, mean_C, inverse_C, count_N = ctx.saved_tensors
        gradient = dense(gradients[0])
        sum_C, product_C, weight_gradient, bias_gradient = torch.batch_norm_backward_reduce(
            gradient, x, mean_C, inverse_C, weight, *ctx.needs_input_grad[:3]
        )
        x_gradient = None
        if ctx.needs_input_grad[0]:
            both_2C = torch.stack([sum_C, product_C])
            dist.all_reduce(both_2C)
            x_gradient = torch.batch_norm_backward_elemt(
                gradient, x, mean_C, inverse_C, weight.to(mean_C.dtype), both_2C[0], both_2C[1], count_N
            )
        return x_gradient, weight_gradient, bias_gradient, None, None, None, None


def dense(x: Tensor) -> Tensor:
    """In one of the two layouts that the kernels take."""
    return x if x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last) else x.contiguous()
