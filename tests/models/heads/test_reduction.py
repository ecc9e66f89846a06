"""Means over ranks."""

from __future__ import annotations

import torch
from helpers import run_on_two_processes

from slotcon_mm.models.heads.reduction import mean_over_ranks

PARTS = ((6.0, 3.0), (10.0, 1.0))


def on_rank(rank: int) -> torch.Tensor:
    return mean_over_ranks(*(torch.tensor(value) for value in PARTS[rank]))[0]


def test_the_mean_of_the_ranks_values_is_the_global_mean(tmp_path):
    assert float(sum(run_on_two_processes(on_rank, tmp_path))) / 2 == 16 / 4


def test_without_anything_to_count_it_is_zero():
    loss, count = mean_over_ranks(torch.tensor(0.0), torch.tensor(0.0))
    assert loss == 0
    assert count == 0
