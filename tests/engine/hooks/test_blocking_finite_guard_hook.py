"""Fine-tuning stops before a weight moves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmpretrain.structures import DataSample
from torch import nn

from slotcon_mm.checks import RunStoppedError
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
