"""AdamW with each tensor's gradient clipped, against the formulas written out a tensor at a time."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor

from slotcon_mm.engine.optimizers import clipped_adamw
from slotcon_mm.engine.optimizers.clipped_adamw import ClippedAdamW, clip_each_

NUMBERS: dict[str, Any] = dict(lr=0.02, betas=(0.9, 0.99), eps=1e-7, weight_decay=0.3, max_norm=0.5)
# of the gradients' norms, some lie above max_norm and some below
SHAPES = dict(matrix=(3, 4), kernel=(2, 3, 3, 3), token=(1, 1, 4), bias=(2,), scalar=(), one=(1,), zero=(2, 2))


def random_tensors(seed: int, size: float = 1.0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    found = {n: size * torch.randn(s, generator=generator, dtype=torch.float64) for n, s in SHAPES.items()}
    return {**found, "zero": torch.zeros(SHAPES["zero"], dtype=torch.float64)}


def derived_step(
    params: dict[str, Tensor], gradients: dict[str, Tensor], state: dict[str, list[Any]], *, lr: float,
    betas: tuple[float, float], eps: float, weight_decay: float, max_norm: float,
) -> None:  # fmt: skip
    for name, given in gradients.items():
        norm = float(given.square().sum().sqrt())
        gradient = given if norm + 1e-6 <= max_norm else given / ((norm + 1e-6) / max_norm)
        t, first, second = state.get(name, [0, 0.0, 0.0])
        t += 1
        first = betas[0] * first + (1 - betas[0]) * gradient
        second = betas[1] * second + (1 - betas[1]) * gradient**2
        state[name] = [t, first, second]
        ratio = (first / (1 - betas[0] ** t)) / ((second / (1 - betas[1] ** t)).sqrt() + eps)
        params[name] = params[name] - lr * (weight_decay * params[name] + ratio)


class Run:
    """Parameters, an optimizer and, if ``scale`` is given, a GradScaler on the CPU."""

    def __init__(self, scale: float | None = None, **numbers: Any) -> None:
        self.params = {name: value.requires_grad_() for name, value in random_tensors(0).items()}
        self.optimizer = ClippedAdamW(self.params.values(), **{**NUMBERS, **numbers})
        self.scaler = torch.amp.GradScaler("cpu", enabled=scale is not None, init_scale=scale or 1.0)
        self.scaler.scale(torch.zeros(()))

    def step(self, gradients: dict[str, Tensor]) -> None:
        scale = self.scaler.get_scale()
        self.optimizer.zero_grad()
        for name, gradient in gradients.items():
            self.params[name].grad = gradient * scale
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def state(self) -> list[Tensor]:
        moments = [value for state in self.optimizer.state.values() for value in state.values()]
        return [value.detach().clone() for value in [*self.params.values(), *moments]]


@pytest.fixture(params=["fused", "not fused"])
def kernel(request, monkeypatch) -> None:
    """``not fused`` is the branch of tensors whose layouts differ."""
    if request.param == "not fused":
        monkeypatch.setattr(clipped_adamw, "lie_alike", lambda *lists: False)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("scale", [None, 1024.0, 3.0])
def test_ten_steps_equal_the_derivation(scale):
    run, params, state = Run(scale), random_tensors(0), {}
    for step in range(10):
        # every other step most norms are below the limit
        gradients = random_tensors(step + 1, size=1.0 if step % 2 else 0.05)
        run.step(gradients)
        derived_step(params, gradients, state, **NUMBERS)
    for name, param in run.params.items():
        torch.testing.assert_close(param.detach(), params[name], rtol=1e-13, atol=1e-14)


def test_without_a_limit_in_reach_it_is_torchs_adamw():
    run = Run(max_norm=1e9)
    theirs = {name: value.requires_grad_() for name, value in random_tensors(0).items()}
    numbers = {name: value for name, value in NUMBERS.items() if name != "max_norm"}
    optimizer = torch.optim.AdamW(theirs.values(), **numbers)
    for step in range(5):
        gradients = random_tensors(step + 1)
        for name, gradient in gradients.items():
            theirs[name].grad = gradient.clone()
        run.step(gradients)
        optimizer.step()
    for name, param in run.params.items():
        torch.testing.assert_close(param, theirs[name], rtol=1e-13, atol=1e-14)


def test_a_gradient_is_clipped_by_its_own_norm_and_not_by_that_of_all():
    large, small = torch.full((4,), 3.0), torch.full((4,), 0.125)
    clip_each_([large, small], 0.3)
    assert float(large.norm()) == pytest.approx(0.3, rel=1e-6)
    assert small.tolist() == [0.125] * 4


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_an_overflow_changes_neither_parameters_nor_moments_nor_counts(value):
    run = Run(scale=1024.0)
    run.step(random_tensors(1))
    before = run.state()
    run.step({**random_tensors(2), "bias": torch.tensor([1.0, value], dtype=torch.float64)})
    assert all(torch.equal(a, b) for a, b in zip(before, run.state(), strict=True))
    assert run.scaler.get_scale() == 512.0
    run.step(random_tensors(2))
    assert {float(state["step"]) for state in run.optimizer.state.values()} == {2.0}


@pytest.mark.usefixtures("kernel")
def test_an_overflow_in_the_first_step_leaves_everything_at_its_start():
    run = Run(scale=1024.0)
    run.step({**random_tensors(1), "scalar": torch.tensor(float("inf"), dtype=torch.float64)})
    params, moments = run.state()[: len(SHAPES)], run.state()[len(SHAPES) :]
    assert all(torch.equal(a, b) for a, b in zip(params, random_tensors(0).values(), strict=True))
    assert not any(value.any() for value in moments)


def test_parameters_without_gradient_neither_decay_nor_get_state_and_count_from_their_first_gradient():
    run, params, state = Run(), random_tensors(0), {}
    for step in range(4):
        gradients = random_tensors(step + 1)
        if step < 2:
            del gradients["matrix"]
        run.step(gradients)
        derived_step(params, gradients, state, **NUMBERS)
        if step == 1:
            assert torch.equal(run.params["matrix"], random_tensors(0)["matrix"])
            assert len(run.optimizer.state) == len(SHAPES) - 1
    assert float(run.optimizer.state[run.params["matrix"]]["step"]) == 2
    torch.testing.assert_close(run.params["matrix"].detach(), params["matrix"], rtol=1e-13, atol=1e-14)


def test_groups_have_numbers_of_their_own():
    params = [torch.ones(3, 3, requires_grad=True) for _ in range(3)]
    groups = [
        dict(params=params[:1]),
        dict(params=params[1:2], weight_decay=0.0),
        dict(params=params[2:], max_norm=1e-9),
    ]
    optimizer = ClippedAdamW(groups, lr=0.1, weight_decay=0.5, eps=1.0)
    for param in params:
        param.grad = torch.ones(3, 3)
    optimizer.step()
    # a clipped gradient of norm 0.3 is 0.1 in each of nine places: the step is 0.1 * 0.1 / (0.1 + 1)
    moved = 0.1 * 0.1 / 1.1
    for param, expected in zip(params, [1 - 0.1 * 0.5 - moved, 1 - moved, 1 - 0.1 * 0.5], strict=True):
        torch.testing.assert_close(param.detach(), torch.full((3, 3), expected))


@pytest.mark.usefixtures("kernel")
def test_a_rate_of_0_moves_the_moments_alone():
    """The warm-up begins with it."""
    run = Run(lr=0.0)
    run.step(random_tensors(1))
    params, moments = run.state()[: len(SHAPES)], run.state()[len(SHAPES) :]
    assert all(torch.equal(a, b) for a, b in zip(params, random_tensors(0).values(), strict=True))
    assert sum(bool(value.any()) for value in moments) == 3 * len(SHAPES) - 2  # "zero" has counted a step only


@pytest.mark.parametrize("which", ["parameter", "gradient", "moments"])
@pytest.mark.parametrize("found_inf", [None, 0.0, 1.0])
def test_tensors_of_other_layouts_are_not_taken_as_plain_memory(which, found_inf):
    """torch's fused kernel for CPUs mixes up their values."""

    def moved(which: str) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        given = {n: torch.randn(2, 3, 4, 5, generator=generator) for n in ("parameter", "gradient", "moments")}
        if which:
            given[which] = given[which].contiguous(memory_format=torch.channels_last)
        param = given["parameter"].requires_grad_()
        optimizer = ClippedAdamW([param], lr=0.1)
        averages = given["moments"]
        optimizer.state[param] = dict(step=torch.tensor(3.0), exp_avg=averages, exp_avg_sq=averages.square())
        param.grad = given["gradient"]
        if found_inf is not None:
            optimizer.found_inf = torch.tensor(found_inf)
        optimizer.step()
        return param.detach()

    torch.testing.assert_close(moved(which), moved(""), rtol=1e-6, atol=1e-6)


def test_a_gradient_of_a_1x1_kernel_in_another_spelling_of_its_layout_is_clipped_too():
    param = torch.zeros(4, 3, 1, 1, requires_grad=True)
    param.grad = torch.ones(4, 3, 1, 1).as_strided((4, 3, 1, 1), (3, 1, 3, 3))
    optimizer = ClippedAdamW([param], max_norm=0.5)
    optimizer.step()
    assert float(param.grad.norm()) == pytest.approx(0.5, rel=1e-5)
    assert float(optimizer.state[param]["exp_avg"].norm()) == pytest.approx(0.05, rel=1e-5)


def test_its_state_survives_saving():
    run, other = Run(), Run(lr=0.5, max_norm=9.0)
    for step in range(2):
        run.step(random_tensors(step + 1))
    for mine, value in zip(other.params.values(), run.params.values(), strict=True):
        mine.data.copy_(value)
    other.optimizer.load_state_dict(deepcopy(run.optimizer.state_dict()))
    for one in (run, other):
        one.step(random_tensors(3))
    assert all(torch.equal(a, b) for a, b in zip(run.state(), other.state(), strict=True))


def test_a_hook_of_its_step_is_called_once_also_after_another_adamw_was_made():
    torch.optim.AdamW([torch.ones(1, requires_grad=True)])
    run, calls = Run(), []
    run.optimizer.register_step_pre_hook(lambda *_: calls.append(1))
    run.step(random_tensors(1))
    assert calls == [1]


def test_a_closure_is_evaluated_with_gradients():
    param = torch.ones(1, 1, requires_grad=True)
    optimizer = ClippedAdamW([param], lr=0.1)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (param * 3).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure) == 3
    assert param.item() < 1


@pytest.mark.parametrize("max_norm", [0.0, -1.0, float("nan")])
def test_a_limit_that_is_not_above_0_is_refused(max_norm):
    with pytest.raises(ValueError, match="expected max_norm above 0"):
        ClippedAdamW([torch.ones(1, requires_grad=True)], max_norm=max_norm)
