"""Usage of prototypes beside loops."""

from __future__ import annotations

import math

import pytest
import torch

from slotcon_mm.evaluation.frozen.prototype_usage import PrototypeUsage

PROTOTYPES = 6


def scores_of(winners: list[list[int]]) -> torch.Tensor:
    """(K, h, w) scores that these prototypes win."""
    return torch.nn.functional.one_hot(torch.tensor(winners), PROTOTYPES).permute(2, 0, 1).float() - 0.5


def used(images: list[torch.Tensor]) -> tuple[float, float]:
    usage = PrototypeUsage()
    for position, scores in enumerate(images):
        usage.add(position, scores)
    return usage.score()


def test_perplexity_and_number_are_those_of_loops_and_images_count_alike_whatever_their_sizes():
    grids = [(4, 5), (3, 3), (8, 2)]
    images = [
        torch.randn(PROTOTYPES, *grid, generator=torch.Generator().manual_seed(i)) for i, grid in enumerate(grids)
    ]
    shares, numbers = [0.0] * PROTOTYPES, []
    for scores, (rows, columns) in zip(images, grids, strict=True):
        winners = []
        for row in range(rows):
            for column in range(columns):
                of_cell = scores[:, row, column].tolist()
                winners.append(of_cell.index(max(of_cell)))
        numbers.append(len(set(winners)))
        for k in range(PROTOTYPES):
            shares[k] += winners.count(k) / len(winners) / len(images)
    expected = math.exp(-sum(share * math.log(share) for share in shares if share))
    assert used(images) == pytest.approx((expected, sum(numbers) / 3))


def test_one_prototype_for_all_is_one_and_one_for_each_of_many_images_are_many():
    assert used([scores_of([[2, 2], [2, 2]])] * 3) == pytest.approx((1, 1))
    assert used([scores_of([[k, k]]) for k in range(PROTOTYPES)]) == pytest.approx((PROTOTYPES, 1))
    assert used([scores_of([[0, 1, 2]])] * 2) == pytest.approx((3, 3))
