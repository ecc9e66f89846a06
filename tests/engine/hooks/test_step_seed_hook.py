"""A step's draws depend on its place alone."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from slotcon_mm.engine.hooks import step_seed_hook
from slotcon_mm.engine.hooks.step_seed_hook import StepSeedHook


def draw(monkeypatch, *, seed: int | None = 1, step: int = 4, rank: int = 0) -> float:
    monkeypatch.setattr(step_seed_hook, "get_rank", lambda: rank)
    StepSeedHook().before_train_iter(SimpleNamespace(seed=seed, iter=step), 0)
    return float(torch.rand(()))


def test_the_same_step_draws_the_same_whatever_came_before(monkeypatch):
    first = draw(monkeypatch)
    torch.rand(17)
    assert draw(monkeypatch) == first


def test_seed_step_and_rank_each_make_a_difference(monkeypatch):
    found = [draw(monkeypatch), draw(monkeypatch, seed=2), draw(monkeypatch, step=5), draw(monkeypatch, rank=1)]
    assert len({*found, draw(monkeypatch, seed=None)}) == 5
