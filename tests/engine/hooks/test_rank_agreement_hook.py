"""What is compared between ranks. (Two processes: tests/integration/test_distributed.py.)"""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from slotcon_mm.checks import RunStoppedError
from slotcon_mm.engine.hooks import rank_agreement_hook
from slotcon_mm.engine.hooks.rank_agreement_hook import checksums, expect_same_on_all_ranks, shared_state
from slotcon_mm.models.layers.batch_norm import MaskedBatchNorm1d, SyncBatchNorm

DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.uint8,
    torch.bool,
]


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_changed_value_changes_a_tensors_sum_only(dtype):
    tensors = [torch.ones(5, dtype=dtype), torch.ones(2, 3, dtype=dtype), torch.ones((), dtype=dtype)]
    before = checksums(tensors)
    tensors[1][1, 2] = 0
    assert (checksums(tensors) == before).tolist() == [True, False, True]


@given(st.permutations(range(8)))
def test_the_sum_is_exact_so_that_its_order_does_not_matter(order):
    values = torch.tensor([1e30, 1.0, -1e30, 1e-30, float("inf"), float("nan"), -0.0, 3.5])
    assert torch.equal(checksums([values]), checksums([values[list(order)]]))


def test_parts_that_are_no_run_of_memory_are_summed_too():
    whole = torch.arange(12.0).view(3, 4)
    assert torch.equal(checksums([whole.T, whole[:, 1]]), checksums([whole.T.clone(), whole[:, 1].clone()]))


def test_statistics_that_a_rank_has_for_itself_are_not_compared():
    model = nn.ModuleDict(dict(own=nn.BatchNorm2d(2), shared=SyncBatchNorm(2), rows=MaskedBatchNorm1d(2)))
    model.register_buffer("center", torch.zeros(1))
    names = set(shared_state(model))
    assert "own.running_mean" not in names
    assert {"own.weight", "shared.running_var", "rows.running_mean", "center"} <= names


def test_ranks_that_differ_are_shown_each_with_its_value(monkeypatch):
    monkeypatch.setattr(rank_agreement_hook, "all_gather_object", lambda value: [value, "b"])
    with pytest.raises(RunStoppedError, match=r"expected the same x on all ranks, got rank 0: a; rank 1: b"):
        expect_same_on_all_ranks("x", "a")
    expect_same_on_all_ranks("x", "b")
