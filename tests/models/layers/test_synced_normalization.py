"""The devices' synchronized normalization, its kernels written out for the CPU, beside torch's own and one process."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from helpers import run_on_two_processes
from torch import Tensor, nn
from torch.nn.modules._functions import SyncBatchNorm as TorchSyncedNormalization

from slotcon_mm.models.layers.synced_normalization import SyncedNormalization


class Case(NamedTuple):
    """A batch (B, C, H, W), how many of its images each rank has, and the layer's weight."""

    x: Tensor
    sizes: tuple[int, int]
    weight: Tensor


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


def elementwise_into(x, weight, bias, mean, inverse, eps, *, out: Tensor) -> Tensor:
    return out.copy_(elementwise(x, weight, bias, mean, inverse, eps))


def reduce(gradient, x, mean, inverse, weight, *wanted: bool) -> tuple[Tensor, ...]:
    total, product = rows(gradient).sum(0), (rows(gradient) * (rows(x) - mean)).sum(0)
    return total, product, product * inverse, total


def backward(gradient, x, mean, inverse, weight, total, product, counts) -> Tensor:
    pull = shaped(total, x) + (x - shaped(mean, x)) * shaped(inverse.square() * product, x)
    return (gradient - pull / counts.sum()) * shaped(inverse * weight, x)


def run(rank: int, cases: list[Case]) -> list[list[tuple[Tensor, ...]]]:
    """Of each case: what ours and torch's give on this rank."""
    use_cpu_kernels()
    return [
        [normalize(apply, case.x.split(case.sizes)[rank], case.weight) for apply in (ours, torchs)] for case in cases
    ]


def use_cpu_kernels() -> None:
    library: Any = torch.library.Library("aten", "IMPL")
    kernels = {
        "batch_norm_stats": stats, "batch_norm_gather_stats_with_counts": gather, "batch_norm_elemt": elementwise,
        "batch_norm_elemt.out": elementwise_into, "batch_norm_backward_reduce": reduce,
        "batch_norm_backward_elemt": backward,
    }  # fmt: skip
    for name, kernel in kernels.items():
        library.impl(name, kernel, "CPU")
    libraries.append(library)  # gone, it takes its kernels with it


libraries: list[Any] = []


def normalize(apply: Any, batch: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
    weight, bias = weight.clone().requires_grad_(), torch.zeros_like(weight).requires_grad_()
    running = torch.zeros_like(weight.detach()), torch.ones_like(weight.detach())
    x = batch.clone().requires_grad_()
    y = apply(x, weight, bias, *running)
    y.pow(3).sum().backward()
    assert y.stride() == x.stride()
    return y.detach(), x.grad, weight.grad, bias.grad, *running


def ours(*tensors: Tensor) -> Tensor:
    return SyncedNormalization.apply(*tensors, 1e-5, 0.1, 1)


def views_of_ours(*tensors: Tensor) -> Tensor:
    """Both halves of the batch, each by itself, in one call."""
    return SyncedNormalization.apply(*tensors, 1e-5, 0.1, 2)


def halves_of_ours(x: Tensor, *tensors: Tensor) -> Tensor:
    """The same in two calls."""
    return torch.cat([ours(half, *tensors) for half in x.chunk(2)])


def torchs(*tensors: Tensor) -> Tensor:
    return TorchSyncedNormalization.apply(*tensors, 1e-5, 0.1, torch.distributed.group.WORLD, 2)


def test_it_is_torchs_to_the_last_bit_and_one_process_to_rounding(tmp_path):
    x, weight = torch.randn(4, 3, 2, 5, dtype=torch.float64), torch.rand(3, dtype=torch.float64) + 0.5
    cases = [
        Case(x.contiguous(memory_format=layout), sizes, weight)
        for layout in (torch.contiguous_format, torch.channels_last)
        for sizes in ((2, 2), (1, 3))
    ]
    norm, whole = nn.BatchNorm2d(3).double(), x.clone().requires_grad_()
    norm.weight.data.copy_(weight)
    norm(whole).pow(3).sum().backward()
    for first, second in zip(*run_on_two_processes(run, tmp_path, cases), strict=True):
        for mine, theirs in (first, second):
            assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))
        a, b = first[0], second[0]
        torch.testing.assert_close(torch.cat([a[1], b[1]]), whole.grad)
        torch.testing.assert_close(a[2] + b[2], norm.weight.grad)
        torch.testing.assert_close(a[3] + b[3], norm.bias.grad)
        for rank in (a, b):
            torch.testing.assert_close(rank[4:], (norm.running_mean, norm.running_var))


def test_a_rank_without_images_is_refused():
    with pytest.raises(ValueError, match="images on every rank"):
        SyncedNormalization.forward(SimpleNamespace(), torch.zeros(0, 3, 2, 2), *[torch.ones(3)] * 4, 1e-5, 0.1, 1)


class Collectives:
    """Counts calls of torch.distributed while it forwards them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
        self.called: list[str] = []
        for name in names:
            original = getattr(torch.distributed, name)
            monkeypatch.setattr(torch.distributed, name, partial(self.call, name, original))

    def call(self, name: str, original: Any, *args: Any, **kwargs: Any) -> Any:
        self.called.append(name)
        return original(*args, **kwargs)


def run_views(rank: int, x: Tensor, weight: Tensor) -> list[Any]:
    use_cpu_kernels()
    found: list[Any] = []
    for apply in (views_of_ours, halves_of_ours):
        with pytest.MonkeyPatch.context() as monkeypatch:
            collectives = Collectives(monkeypatch, "all_gather_into_tensor", "all_reduce")
            found.append((normalize(apply, x.chunk(2)[rank], weight), collectives.called))
    return found


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_two_views_in_one_call_are_those_of_two_calls_with_half_the_collectives(layout, tmp_path):
    x, weight = torch.randn(8, 3, 2, 5, dtype=torch.float64), torch.rand(3, dtype=torch.float64) + 0.5
    for one, two in run_on_two_processes(run_views, tmp_path, x.contiguous(memory_format=layout), weight):
        assert all(torch.equal(a, b) for a, b in zip(one[0], two[0], strict=True))
        assert one[1] == ["all_gather_into_tensor", "all_reduce"]
        assert sorted(two[1]) == ["all_gather_into_tensor"] * 2 + ["all_reduce"] * 2
