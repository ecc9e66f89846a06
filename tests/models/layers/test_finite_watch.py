"""Flags of what is finite."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers import run_on_two_processes, tiny_slotcon

from slotcon_mm.models.layers.finite_watch import FiniteWatch


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_one_value_that_is_not_finite_is_seen_under_its_name(bad):
    watch = FiniteWatch()
    watch.observe(a=torch.ones(3), b=torch.tensor([1.0, bad, 2.0]), c=torch.zeros(()))
    assert dict(zip(watch.names, watch.observed.tolist(), strict=True)) == dict(a=True, b=False, c=True)


def test_a_steps_later_micro_batches_do_not_hide_what_an_earlier_one_had():
    watch = FiniteWatch()
    watch.observe(first=True, a=torch.tensor(float("nan")), b=torch.ones(2))
    watch.observe(first=False, a=torch.ones(2), b=torch.ones(2))
    assert watch.observed.tolist() == [False, True]
    watch.observe(first=True, a=torch.ones(2), b=torch.ones(2))
    assert watch.observed.tolist() == [True, True]


def on_rank(rank: int) -> list[bool]:
    watch = FiniteWatch()
    watch.observe(a=torch.tensor(float("nan") if rank == 1 else 0.0), b=torch.zeros(2))
    return watch.observed.tolist()


def test_all_ranks_see_what_one_rank_has(tmp_path: Path):
    assert run_on_two_processes(on_rank, tmp_path) == [[False, True]] * 2


def test_its_flags_are_part_of_no_checkpoint():
    assert not [name for name in tiny_slotcon().state_dict() if name.startswith("watch")]
