"""The scalars that tell whether a run is healthy."""

from __future__ import annotations

import pytest
import torch

from slotcon_mm.models.algorithms.monitor import health_scalars


def test_a_collapsed_batch_shows_one_slot_and_a_perplexity_of_one():
    scores = torch.zeros(2, 5, 3, 3)
    scores[:, 2] = 1
    scalars = health_scalars([scores, scores], torch.ones(1, 5))
    assert float(scalars["slots_per_view"]) == 1
    assert float(scalars["prototype_perplexity"]) == pytest.approx(1)
    assert float(scalars["center_norm"]) == pytest.approx(5**0.5)


def test_an_even_batch_shows_all_slots_and_a_perplexity_of_k():
    scores = torch.zeros(1, 4, 2, 2)
    for pixel in range(4):
        scores[0, pixel, pixel // 2, pixel % 2] = 1
    scalars = health_scalars([scores, scores], torch.zeros(1, 4))
    assert float(scalars["slots_per_view"]) == 4
    assert float(scalars["prototype_perplexity"]) == pytest.approx(4)


def test_no_name_is_taken_for_a_loss():
    assert not any("loss" in name for name in health_scalars([torch.rand(1, 2, 2, 2)] * 2, torch.zeros(1, 2)))
