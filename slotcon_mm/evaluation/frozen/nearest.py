"""Exact nearest neighbors by blocks."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["nearest"]


def nearest(queries_PD: Tensor, bank_ND: Tensor, count: int, *, most_values: int = 2**26) -> tuple[Tensor, Tensor]:
    """(P, k) cosines of each query's nearest rows of the bank, best first, and (P, k) those rows; k at most N.

    Args:
        queries_PD: Of length 1.
        bank_ND: Of length 1; it may lie on the CPU while the queries lie on a GPU.
        count: k.
        most_values: Cosines that are held at once.
    """
    block = max(count, most_values // max(1, len(queries_PD)))
    values: Tensor | None = None
    rows = torch.empty(0)
    for start in range(0, len(bank_ND), block):
        part = bank_ND[start : start + block].to(queries_PD.device)
        value, row = (queries_PD @ part.T).topk(min(count, len(part)), dim=1)
        row = row + start
        if values is not None:
            value, row = torch.cat([values, value], dim=1), torch.cat([rows, row], dim=1)
            value, order = value.topk(min(count, value.shape[1]), dim=1)
            row = row.gather(1, order)
        values, rows = value, row
    assert values is not None, "an empty bank"
    return values, rows
