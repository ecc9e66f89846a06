"""Fine-tuning stops before a weight moves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.optim import AmpOptimWrapper
from mmpretrain.structures import DataSample
from torch import nn

from slotcon_mm.checks import RunStoppedError
from slotcon_mm.engine.hooks import blocking_finite_guard_hook
from slotcon_mm.engine.hooks.blocking_finite_guard_hook import BlockingFiniteGuardHook


@pytest.fixture
def run() -> tuple[Any, Any, BlockingFiniteGuardHook]:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    runner = SimpleNamespace(model=model, optim_wrapper=SimpleNamespace(optimizer=optimizer), iter=4)
    guard = BlockingFiniteGuardHook()
    guard.before_train(runner)
    guard.before_train_iter(runner, 0, dict(data_samples=[DataSample(metainfo=dict(img_path="/d/a.jpg"))]))
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    return model, optimizer, guard


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_first_parameter_the_step_and_its_images_are_named_and_nothing_moves(run, value):
    model, optimizer, _ = run
    before = [parameter.detach().clone() for parameter in model.parameters()]
    model[1].weight.grad[0, 2] = value
    with pytest.raises(
        RunStoppedError, match=r"in iteration 5, first in 1.weight\..*The step saw these images: /d/a.jpg"
    ):
        optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert not optimizer.state


def test_finite_gradients_pass_and_parameters_without_one_too(run):
    model, optimizer, guard = run
    before = model[0].weight.detach().clone()
    model[1].weight.grad = None
    optimizer.step()
    assert not torch.equal(before, model[0].weight)
    for parameter in model.parameters():
        parameter.grad = None
    optimizer.step()
    guard.after_train(None)
    model[0].weight.grad = torch.full_like(before, float("nan"))
    optimizer.step()  # after the training, the guard is gone


class Amp(AmpOptimWrapper):
    """On a CPU."""

    def __init__(self, optimizer: torch.optim.Optimizer, scale: float) -> None:
        self.optimizer, self._accumulative_counts, self._inner_count = optimizer, 1, 1
        self.loss_scaler = torch.amp.GradScaler("cpu", init_scale=scale)


def step(run: Any, guard: BlockingFiniteGuardHook, wrapper: Amp, value: float) -> None:
    """As a loop makes one, with ``value`` as all gradients."""
    guard.before_train_iter(SimpleNamespace(iter=4), 0, dict(data_samples=[]))
    wrapper.loss_scaler.scale(torch.ones(()))
    for parameter in run.parameters():
        parameter.grad = torch.full_like(parameter, value)
    wrapper.loss_scaler.step(wrapper.optimizer)
    wrapper.loss_scaler.update()
    guard.after_train_iter(SimpleNamespace(optim_wrapper=wrapper, iter=4), 0)


@pytest.fixture(params=[True, False], ids=["fused", "not fused"])
def amp(request) -> tuple[nn.Module, BlockingFiniteGuardHook, Amp]:
    model = nn.Linear(2, 3)
    wrapper = Amp(torch.optim.SGD(model.parameters(), lr=0.1, fused=request.param), scale=8.0)
    guard = BlockingFiniteGuardHook()
    guard.before_train(SimpleNamespace(model=model, optim_wrapper=wrapper))
    return model, guard, wrapper


def test_an_overflow_that_the_scaler_answers_is_no_finding(amp):
    model, guard, wrapper = amp
    before = model.weight.detach().clone()
    step(model, guard, wrapper, float("inf"))
    assert torch.equal(before, model.weight)
    assert wrapper.loss_scaler.get_scale() == 4.0
    step(model, guard, wrapper, 1.0)
    assert not torch.equal(before, model.weight)
    assert guard.overflows == 0


def test_overflows_that_do_not_end_are_a_finding(amp, monkeypatch):
    monkeypatch.setattr(blocking_finite_guard_hook, "MOST_OVERFLOWS", 3)
    model, guard, wrapper = amp
    wrapper.loss_scaler = torch.amp.GradScaler("cpu", init_scale=8.0, backoff_factor=1 - 1e-9)
    for _ in range(3):
        step(model, guard, wrapper, float("inf"))
    with pytest.raises(RunStoppedError, match=r"infinite ones in 4 steps in a row.*loss_scale=dynamic"):
        step(model, guard, wrapper, float("inf"))
