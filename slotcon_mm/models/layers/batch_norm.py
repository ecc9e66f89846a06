"""Batch normalization with statistics over all ranks, on a CPU too, and over counted rows only.

torch's SyncBatchNorm refuses CPU tensors. Count, sum and squared deviations are therefore all-reduced here with
autograd, so that two gloo processes compute what one process does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.distributed.nn.functional as dist_autograd
import torch.nn.functional as F
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from slotcon_mm.models.functional import full_precision
from slotcon_mm.models.layers.masked_normalization import MaskedNormalization
from slotcon_mm.models.layers.synced_normalization import SyncedNormalization

__all__ = [
    "BatchNorm2d",
    "MaskedBatchNorm1d",
    "SyncBatchNorm",
    "convert_batch_norms",
    "count_batches",
    "inseparable_norms",
    "separate_statistics",
]


def sum_over_ranks(x: Tensor) -> Tensor:
    """The sum over ranks, with gradient: each rank's gradient is that of the sum of all ranks' losses."""
    return dist_autograd.all_reduce(x) if get_world_size() > 1 else x


def batch_moments(x_RC: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Count (), mean (C,) and biased variance (C,) over the rows of all ranks, with gradient."""
    count = x_RC.new_full((), len(x_RC))
    all_reduce(count)
    mean_C = sum_over_ranks(x_RC.sum(dim=0)) / count
    variance_C = sum_over_ranks((x_RC - mean_C).square().sum(dim=0)) / count
    return count, mean_C, variance_C


class MaskedBatchNorm1d(nn.BatchNorm1d):
    """BatchNorm1d over the rows that count, on all ranks; fewer than two leave the running statistics untouched.

    Rows that do not count become the bias.
    """

    def forward(self, x_RC: Tensor, counted_R: Tensor) -> Tensor:  # type: ignore[override]
        if not self.training:
            return super().forward(x_RC)
        y_RC, *moments = MaskedNormalization.apply(x_RC, counted_R, self.weight, self.bias, self.eps)
        enough = update_running_statistics(self, *moments)
        self.num_batches_tracked.add_(enough)  # type: ignore[union-attr]
        return y_RC


class SyncBatchNorm(_BatchNorm):
    """torch's SyncBatchNorm that runs on CPUs as well.

    It does not inherit from it because torch's DistributedDataParallel refuses such layers in CPU models. On one
    process it is BatchNorm; on several devices it runs the kernels of torch's, without their waits for the device.

    ``num_batches_tracked`` is ``count_batches``'s: one addition for each layer would be every tenth launch of a step.

    Attributes:
        views: Equal parts of a training batch, each of which is normalized by itself, the first one first.
    """

    views = 1

    def _check_input_dim(self, x: Tensor) -> None:
        if x.dim() < 2:
            raise ValueError(f"expected an input of at least 2 dimensions (N, C, ...), got {x.dim()}")

    def _check_non_zero_input_channels(self, x: Tensor) -> None:
        if x.size(1) == 0:
            raise ValueError("expected an input with channels, got none")

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or get_world_size() == 1:
            return normalize_views(self, x)
        if x.is_cuda:
            return SyncedNormalization.apply(
                x, self.weight, self.bias, self.running_mean, self.running_var, self.eps, self.momentum, self.views
            )
        return by_view(self.normalize_on_cpu, x, self.views)

    def normalize_on_cpu(self, x: Tensor) -> Tensor:
        values_RC = full_precision(x).movedim(1, -1).flatten(0, -2)
        count, mean_C, variance_C = batch_moments(values_RC)
        update_running_statistics(self, count, mean_C, variance_C)
        # batch_norm with given moments: its backward would not reach the moments, so the affine map is written out
        shape = (1, -1) + (1,) * (x.dim() - 2)
        scale_C = (variance_C + self.eps).rsqrt() * self.weight
        shift_C = self.bias - mean_C * scale_C
        return (full_precision(x) * scale_C.view(shape) + shift_C.view(shape)).to(x.dtype)


class BatchNorm2d(nn.BatchNorm2d):
    """torch's, for batches that hold several views; see ``SyncBatchNorm.views``, also for what counts batches."""

    views = 1

    def forward(self, x: Tensor) -> Tensor:
        return normalize_views(self, x)


def normalize_views(norm: SyncBatchNorm | BatchNorm2d, x: Tensor) -> Tensor:
    """As torch's BatchNorm does, each view of a training batch by itself."""
    norm._check_input_dim(x)
    normalize = partial(
        F.batch_norm, running_mean=norm.running_mean, running_var=norm.running_var, weight=norm.weight,
        bias=norm.bias, training=norm.training, momentum=norm.momentum or 0.0, eps=norm.eps,
    )  # fmt: skip
    return by_view(normalize, x, norm.views if norm.training else 1)


def by_view(normalize: Callable[[Tensor], Tensor], x: Tensor, views: int) -> Tensor:
    return normalize(x) if views == 1 else torch.cat([normalize(part) for part in x.chunk(views)])


@torch.no_grad()
def update_running_statistics(norm: _BatchNorm, count: Tensor, mean_C: Tensor, variance_C: Tensor) -> Tensor:
    """running = (1 - momentum) running + momentum batch, the variance unbiased, without a sync.

    Nothing moves below two rows; returns whether there are, () bool.
    """
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.momentum is not None
    enough = count >= 2
    unbiased_C = variance_C * count / (count - 1).clamp(min=1)
    for running_C, batch_C in ((norm.running_mean, mean_C), (norm.running_var, unbiased_C)):
        running_C.copy_(torch.where(enough, running_C.lerp(batch_C.to(running_C.dtype), norm.momentum), running_C))
    return enough


def convert_batch_norms(module: nn.Module) -> list[_BatchNorm]:
    """Make torch's SyncBatchNorm and BatchNorm2d layers of ``module`` ours, in place: the same parameters and names.

    Returns:
        All layers of ours, whose batches ``count_batches`` counts.
    """
    for layer in module.modules():
        if isinstance(layer, _BatchNorm) and (layer.momentum is None or not layer.track_running_stats):
            continue  # its statistics are no moving average
        if isinstance(layer, nn.SyncBatchNorm):
            layer.__class__ = SyncBatchNorm  # type: ignore[assignment]
        elif type(layer) is nn.BatchNorm2d:
            layer.__class__ = BatchNorm2d
    return [layer for layer in module.modules() if isinstance(layer, SyncBatchNorm | BatchNorm2d)]


@torch.no_grad()
def count_batches(norms: Sequence[_BatchNorm], views: int) -> None:
    """Adds ``views`` to ``num_batches_tracked`` of the layers in training mode, in one launch."""
    counts = [norm.num_batches_tracked for norm in norms if norm.training and norm.num_batches_tracked is not None]
    if counts:
        torch._foreach_add_(counts, views)


def inseparable_norms(*networks: nn.Module) -> list[str]:
    """Types of batch normalization in these networks that ``separate_statistics`` cannot take."""
    layers = (layer for network in networks for layer in network.modules() if isinstance(layer, _BatchNorm))
    return sorted({type(layer).__name__ for layer in layers if not isinstance(layer, SyncBatchNorm | BatchNorm2d)})


def separate_statistics(norms: Sequence[_BatchNorm], views: int) -> None:
    """From here on training batches of these layers hold ``views`` equal parts, one after the other, each with its own
    statistics.

    This has to hold in the backward as well: activation checkpointing (``with_cp``) runs layers again there.
    """
    for norm in norms:
        norm.views = views  # type: ignore[assignment]
