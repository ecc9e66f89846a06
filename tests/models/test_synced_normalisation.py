"""The devices' synchronised normalisation, its kernels written out for the CPU, beside torch's own and one process."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers import run_on_two_processes
from torch import Tensor, nn
from torch.nn.modules._functions import SyncBatchNorm as TorchSyncedNormalisation

from slotcon_mm.models.synced_normalisation import SyncedNormalisation


def shaped(x_C: Tensor, x: Tensor) -> Tensor:
    return x_C.view((1, -1) + (1,) * (x.dim() - 2))


def rows(x: Tensor) -> Tensor:
    return x.movedim(1, -1).flatten(0, -2)


def stats(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    return rows(x).mean(0), (rows(x).var(0, unbiased=False) + eps).rsqrt()


def gather(x, means, inverses, running_mean, running_var, momentum, eps, counts) -> tuple[Tensor, Tensor]:
    variances, share = inverses.pow(-2) - eps, (counts / counts.sum())[:, None]
    mean = (means * share).sum(0)
    variance = ((variances + (means - mean).square()) * share).sum(0)
    running_mean.lerp_(mean, momentum)
    running_var.lerp_(variance * counts.sum() / (counts.sum() - 1), momentum)
    return mean, (variance + eps).rsqrt()


def elementwise(x, weight, bias, mean, inverse, eps) -> Tensor:
    return (x - shaped(mean, x)) * shaped(inverse * weight, x) + shaped(bias, x)


def reduce(gradient, x, mean, inverse, weight, *wanted: bool) -> tuple[Tensor, ...]:
    total, product = rows(gradient).sum(0), (rows(gradient) * (rows(x) - mean)).sum(0)
    return total, product, product * inverse, total


def backward(gradient, x, mean, inverse, weight, total, product, counts) -> Tensor:
    pull = shaped(total, x) + (x - shaped(mean, x)) * shaped(inverse.square() * product, x)
    return (gradient - pull / counts.sum()) * shaped(inverse * weight, x)


def run(rank: int, apply: Any, batches: list[list[Tensor]], weight: Tensor) -> tuple[Tensor, ...]:
    library: Any = torch.library.Library("aten", "IMPL")
    for name, kernel in dict(
        batch_norm_stats=stats, batch_norm_gather_stats_with_counts=gather, batch_norm_elemt=elementwise,
        batch_norm_backward_reduce=reduce, batch_norm_backward_elemt=backward,
    ).items():  # fmt: skip
        library.impl(name, kernel, "CPU")
    weight, bias = weight.clone().requires_grad_(), torch.zeros_like(weight).requires_grad_()
    running = torch.zeros_like(weight.detach()), torch.ones_like(weight.detach())
    x = batches[rank].clone().requires_grad_()
    y = apply(x, weight, bias, *running)
    y.pow(3).sum().backward()
    assert y.stride() == x.stride()
    return y.detach(), x.grad, weight.grad, bias.grad, *running


def ours(*tensors: Tensor) -> Tensor:
    return SyncedNormalisation.apply(*tensors, 1e-5, 0.1)


def torchs(*tensors: Tensor) -> Tensor:
    return TorchSyncedNormalisation.apply(*tensors, 1e-5, 0.1, torch.distributed.group.WORLD, 2)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("sizes", [(2, 2), (1, 3)], ids=["equal", "unequal"])
def test_it_is_torchs_to_the_last_bit_and_one_process_to_rounding(tmp_path, layout, sizes):
    x = torch.randn(4, 3, 2, 5, dtype=torch.float64).contiguous(memory_format=layout)
    weight = torch.rand(3, dtype=torch.float64) + 0.5
    found = []
    for apply in (ours, torchs):
        folder = tmp_path / apply.__name__
        folder.mkdir()
        found.append(run_on_two_processes(run, folder, apply, x.split(sizes), weight))
    for mine, theirs in zip(*found, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))

    norm, whole = nn.BatchNorm2d(3).double(), x.clone().requires_grad_()
    norm.weight.data.copy_(weight)
    norm(whole).pow(3).sum().backward()
    mine = found[0]
    torch.testing.assert_close(torch.cat([rank[1] for rank in mine]), whole.grad)
    torch.testing.assert_close(mine[0][2] + mine[1][2], norm.weight.grad)
    torch.testing.assert_close(mine[0][3] + mine[1][3], norm.bias.grad)
    for rank in mine:
        torch.testing.assert_close(rank[4:], (norm.running_mean, norm.running_var))


def test_a_rank_without_pictures_is_refused():
    with pytest.raises(ValueError, match="pictures on every rank"):
        SyncedNormalisation.forward(SimpleNamespace(), torch.zeros(0, 3, 2, 2), *[torch.ones(3)] * 4, 1e-5, 0.1)
