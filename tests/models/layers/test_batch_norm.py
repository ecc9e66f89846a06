"""Normalization over counted rows and over ranks, against torch's own on one process."""

from __future__ import annotations

import pytest
import torch
from helpers import run_on_two_processes
from torch import nn

from slotcon_mm.models.layers.batch_norm import MaskedBatchNorm1d, SyncBatchNorm, convert_batch_norms, count_batches
from slotcon_mm.models.layers.masked_normalization import MaskedNormalization


def test_masked_rows_take_no_part_in_batch_or_running_statistics():
    rows = torch.randn(7, 3, dtype=torch.float64)
    counted = torch.tensor([True, False, True, True, False, True, True])
    masked, plain = MaskedBatchNorm1d(3).double(), nn.BatchNorm1d(3).double()
    torch.testing.assert_close(masked(rows, counted)[counted], plain(rows[counted]))
    torch.testing.assert_close(masked.state_dict(), plain.state_dict())


def test_masked_normalization_has_the_gradient_of_torchs_on_the_counted_rows():
    rows = torch.randn(5, 2, dtype=torch.float64)
    counted = torch.tensor([True, True, False, True, True])
    grads = []
    for use_mask in (True, False):
        x = rows.clone().requires_grad_()
        y = MaskedBatchNorm1d(2).double()(x, counted)[counted] if use_mask else nn.BatchNorm1d(2).double()(x[counted])
        y.pow(3).sum().backward()
        grads.append(x.grad)
    torch.testing.assert_close(*grads)


def test_masked_normalization_has_the_gradient_of_finite_differences():
    counted = torch.tensor([True, True, False, True, True])
    x, weight, bias = (torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in ((5, 3), (3,), (3,)))
    assert torch.autograd.gradcheck(
        lambda *given: MaskedNormalization.apply(given[0], counted, *given[1:], 1e-5)[0], (x, weight, bias)
    )


def normalize_counted_half(rank: int, x: torch.Tensor, counted: torch.Tensor) -> tuple[torch.Tensor, ...]:
    norm = MaskedBatchNorm1d(x.shape[1]).double()
    mine, counts = x.chunk(2)[rank].clone().requires_grad_(), counted.chunk(2)[rank]
    y = norm(mine, counts)
    y[counts].pow(3).sum().backward()
    return y.detach()[counts], mine.grad, norm.running_mean, norm.running_var, norm.weight.grad


def test_two_processes_normalize_their_counted_rows_as_one_process_all(tmp_path):
    x = torch.randn(6, 3, dtype=torch.float64)
    counted = torch.tensor([True, False, True, True, True, True])
    plain, whole = nn.BatchNorm1d(3).double(), x.clone().requires_grad_()
    y = plain(whole[counted])
    y.pow(3).sum().backward()
    halves = run_on_two_processes(normalize_counted_half, tmp_path, x, counted)
    torch.testing.assert_close(torch.cat([h[0] for h in halves]), y.detach())
    torch.testing.assert_close(torch.cat([h[1] for h in halves]), whole.grad)
    for half in halves:
        torch.testing.assert_close(half[2:4], (plain.running_mean, plain.running_var))
    torch.testing.assert_close(halves[0][4] + halves[1][4], plain.weight.grad)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_gets_the_moments_of_full_precision(dtype):
    rows, counted = torch.randn(40, 3).to(dtype), torch.arange(40) % 3 > 0
    half, full = MaskedBatchNorm1d(3), MaskedBatchNorm1d(3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = half(rows, counted)
    assert y.dtype == dtype
    assert torch.equal(y, full(rows.float(), counted).to(dtype))
    torch.testing.assert_close(half.state_dict(), full.state_dict())


@pytest.mark.parametrize("rows", [0, 1])
def test_fewer_than_two_counted_rows_are_finite_and_change_nothing(rows):
    norm = MaskedBatchNorm1d(2)
    counted = torch.arange(3) < rows
    assert norm(torch.randn(3, 2), counted).isfinite().all()
    assert norm.running_var.tolist() == [1, 1]
    assert int(norm.num_batches_tracked) == 0


def test_in_evaluation_masked_normalization_uses_running_statistics():
    norm = MaskedBatchNorm1d(2).eval()
    rows = torch.randn(3, 2)
    torch.testing.assert_close(norm(rows, torch.zeros(3, dtype=torch.bool)), rows / (1 + norm.eps) ** 0.5)


def test_on_one_process_it_is_batch_norm():
    x = torch.randn(2, 3, 4, 5)
    ours, plain = SyncBatchNorm(3), nn.BatchNorm2d(3)
    torch.testing.assert_close(ours(x), plain(x))
    count_batches([ours], 1)
    torch.testing.assert_close(ours.state_dict(), plain.state_dict())


def test_batches_are_counted_where_layers_train():
    trained, frozen = SyncBatchNorm(3), SyncBatchNorm(3).eval()
    count_batches([trained, frozen], 2)
    assert (int(trained.num_batches_tracked), int(frozen.num_batches_tracked)) == (2, 0)


@pytest.mark.parametrize("arguments", [dict(momentum=None), dict(track_running_stats=False)], ids=str)
def test_layers_whose_statistics_are_no_moving_average_stay_torchs(arguments):
    for kind in (nn.BatchNorm2d, nn.SyncBatchNorm):
        model = nn.Sequential(kind(3, **arguments))
        assert convert_batch_norms(model) == []
        assert type(model[0]) is kind


def test_conversion_keeps_parameters_buffers_and_names():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.SyncBatchNorm(4))
    state = {name: value.clone() for name, value in model.state_dict().items()}
    convert_batch_norms(model)
    assert type(model[1]) is SyncBatchNorm
    torch.testing.assert_close(model.state_dict(), state)
    assert model(torch.randn(2, 3, 4, 4)).shape == (2, 4, 4, 4)


def test_input_without_channels_is_refused():
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        SyncBatchNorm(3)(torch.randn(3))


def normalize_half(rank: int, x: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, ...]:
    norm = SyncBatchNorm(x.shape[1]).double()
    with torch.no_grad():
        norm.weight.copy_(weight)
    mine = x[rank * 2 : rank * 2 + 2].clone().requires_grad_()
    y = norm(mine)
    y.pow(3).sum().backward()
    return y.detach(), mine.grad, norm.running_mean, norm.running_var, norm.weight.grad


def test_two_processes_normalize_their_halves_as_one_process_the_whole(tmp_path):
    x = torch.randn(4, 3, 2, 5, dtype=torch.float64)
    weight = torch.rand(3, dtype=torch.float64) + 0.5
    halves = run_on_two_processes(normalize_half, tmp_path, x, weight)
    plain = nn.BatchNorm2d(3).double()
    with torch.no_grad():
        plain.weight.copy_(weight)
    whole = x.clone().requires_grad_()
    y = plain(whole)
    y.pow(3).sum().backward()
    torch.testing.assert_close(torch.cat([h[0] for h in halves]), y.detach())
    torch.testing.assert_close(torch.cat([h[1] for h in halves]), whole.grad)
    for half in halves:
        torch.testing.assert_close(half[2], plain.running_mean)
        torch.testing.assert_close(half[3], plain.running_var)
    torch.testing.assert_close(halves[0][4] + halves[1][4], plain.weight.grad)
