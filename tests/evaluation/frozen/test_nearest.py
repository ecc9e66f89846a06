"""Exact nearest neighbors, whatever the blocks."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from slotcon_mm.evaluation.frozen.nearest import nearest


def unit(rows: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(rows, 5, dtype=torch.double, generator=generator), dim=1)


@pytest.mark.parametrize("most_values", [1, 40, 60, 140, 2**26])
@pytest.mark.parametrize("count", [1, 4, 20])
def test_blocks_find_what_one_full_sort_finds(count, most_values):
    queries, bank = unit(7, 0), unit(23, 1)
    expected, order = (queries @ bank.T).sort(dim=1, descending=True)
    cosines, rows = nearest(queries, bank, count, most_values=most_values)
    assert rows.equal(order[:, :count])
    torch.testing.assert_close(cosines, expected[:, :count], rtol=0, atol=1e-15)


def test_a_bank_that_is_smaller_than_the_count_is_taken_whole():
    queries, bank = unit(3, 0), unit(4, 1)
    cosines, rows = nearest(queries, bank, 20, most_values=1)
    assert rows.sort(dim=1).values.tolist() == [[0, 1, 2, 3]] * 3
    assert (cosines.diff(dim=1) <= 0).all()


def test_no_query_finds_no_neighbor():
    assert nearest(torch.zeros(0, 5), torch.ones(4, 5), 2)[0].shape == (0, 2)
