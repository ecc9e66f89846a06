"""What is told apart in a step. (Whole runs that meet it: tests/integration/test_faults.py.)"""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers import as_samples, random_batch, run_on_two_processes, set_total_steps, tiny_slotcon

from slotcon_mm.checks import RunStoppedError
from slotcon_mm.engine.hooks import finite_guard_hook
from slotcon_mm.engine.hooks.finite_guard_hook import MOST_OVERFLOWS, FiniteGuardHook
from slotcon_mm.engine.optimizers.clipped_adamw import ClippedAdamW
from slotcon_mm.engine.optimizers.lars import LARS

BATCH = dict(data_samples=[])


class Run:
    """A model, an optimizer, a GradScaler on the CPU if ``scale`` is given, and the guard, stepped by hand."""

    def __init__(self, folder: Path, optimizer: Any = LARS, *, scale: float | None = None) -> None:
        set_total_steps()
        self.model = tiny_slotcon().float()
        self.optimizer = optimizer([p for p in self.model.parameters() if p.requires_grad], lr=0.1)
        self.scaler = torch.amp.GradScaler("cpu", enabled=scale is not None, init_scale=scale or 1.0)
        self.saved: list[str] = []
        self.runner: Any = SimpleNamespace(
            model=self.model, optim_wrapper=SimpleNamespace(optimizer=self.optimizer), iter=0, epoch=0,
            work_dir=str(folder), save_checkpoint=lambda folder, name, **kwargs: self.saved.append(name),
        )  # fmt: skip
        self.guard = FiniteGuardHook()
        self.guard.before_train(self.runner)

    def step(self, *, gradient: float | None = None, pixel: float | None = None) -> None:
        """With ``gradient``, one value of the prototypes' gradient is that; with ``pixel``, one of the first view."""
        views, boxes, flipped = random_batch()
        if pixel is not None:
            views[0][0, 0, 0, 0] = pixel
        self.guard.before_train_iter(self.runner, 0)
        result = self.model([view.float() for view in views], as_samples(boxes, flipped), mode="loss")
        self.optimizer.zero_grad()
        self.scaler.scale(result["loss_group"] + result["loss_slot"]).backward()
        if gradient is not None:
            self.model.neck.prototypes.grad[0, 0] = gradient
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.guard.after_train_iter(self.runner, 0, BATCH)
        self.runner.iter += 1

    def weights(self) -> dict[str, torch.Tensor]:
        """And the optimizer's state: momenta, or moments and counts of steps."""
        states = enumerate(self.optimizer.state.values())
        state = {f"{name} {i}": value for i, state in states for name, value in state.items()}
        student = {name: value for name, value in self.model.named_parameters() if value.requires_grad}
        return {name: value.detach().clone() for name, value in {**student, **state}.items()}


@pytest.fixture(params=[LARS, ClippedAdamW])
def optimizer(request) -> type[torch.optim.Optimizer]:
    return request.param


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def test_steps_that_are_finite_move_and_go_on(tmp_path):
    run = Run(tmp_path)
    run.step()
    before = run.weights()
    run.step()
    assert not same(before, run.weights())
    assert bool(run.model.watch.intact)
    run.guard.after_train_epoch(run.runner)
    run.guard.after_train(run.runner)
    assert not list(tmp_path.iterdir())


def test_its_own_flag_of_the_step_before_is_not_taken_for_a_scalers(tmp_path, optimizer):
    """Optimizers read one attribute for both: a gradient that was not finite once passed for an overflow."""
    run = Run(tmp_path, optimizer)
    run.step()
    before = run.weights()
    run.step(gradient=float("nan"))
    assert same(before, run.weights())
    assert not bool(run.model.watch.intact)


@pytest.mark.parametrize("scale", [None, 1024.0])
def test_a_loss_that_is_nan_leaves_weights_and_optimizer_as_they_were_and_ends_the_run(tmp_path, optimizer, scale):
    run = Run(tmp_path, optimizer, scale=scale)
    run.step()
    before = run.weights()
    run.step(pixel=float("nan"))
    assert same(before, run.weights())
    with pytest.raises(RunStoppedError, match="in iteration 2, first in "):
        run.step()
    assert same(before, run.weights())


def test_an_overflow_under_a_scaler_moves_neither_weights_nor_momenta_but_teacher_and_center(tmp_path, optimizer):
    run = Run(tmp_path, optimizer, scale=1024.0)
    run.step()
    before, center = run.weights(), run.model.group_head.center.clone()
    teacher = run.model.teacher.neck.prototypes.clone()
    run.step(gradient=float("inf"))
    assert same(before, run.weights())
    assert int(run.model.teacher.steps) == 2
    assert not torch.equal(center, run.model.group_head.center)
    assert not torch.equal(teacher, run.model.teacher.neck.prototypes)
    assert all(value.isfinite().all() for value in run.model.state_dict().values())
    assert run.scaler.get_scale() == 512.0
    run.step()
    assert not same(before, run.weights())
    run.guard.settle(run.runner)


def test_an_overflow_at_a_scale_of_one_is_a_finding(tmp_path, optimizer):
    run = Run(tmp_path, optimizer, scale=1.0)
    run.step()
    before = run.weights()
    run.step(gradient=float("inf"))
    assert same(before, run.weights())
    with pytest.raises(RunStoppedError, match=r"in iteration 2, first in gradient of neck.prototypes"):
        run.step()
    assert run.saved == ["last_good.pth"]


def test_overflows_at_a_fixed_scale_that_do_not_end_are_a_finding(tmp_path, monkeypatch):
    """A scale that never falls leaves out every step, for ever."""
    monkeypatch.setattr(finite_guard_hook, "MOST_OVERFLOWS", 3)
    run = Run(tmp_path, scale=1024.0)
    for gradient in (float("inf"), None, float("inf"), float("inf"), float("inf")):
        run.step(gradient=gradient)
        run.scaler.update(1024.0)  # as AmpOptimWrapper does with a number for loss_scale
    assert bool(run.model.watch.intact)
    run.step(gradient=float("inf"))
    assert not bool(run.model.watch.intact)
    with pytest.raises(RunStoppedError, match=r"in iteration 6, first in gradient of neck.prototypes"):
        run.step()


def test_a_scale_that_halves_gets_to_one_before_its_overflows_are_too_many(tmp_path):
    run = Run(tmp_path, scale=2.0**16)
    while run.scaler.get_scale() > 1:
        run.step(gradient=float("inf"))
    assert bool(run.model.watch.intact)
    assert int(run.guard.overflows) == 16 < MOST_OVERFLOWS


def stopped_while_the_main_process_saves_slowly(rank: int, folder: str) -> list[str]:
    run = Run(Path(folder))

    def save(folder: str, name: str, **kwargs: Any) -> None:
        time.sleep(1)
        (Path(folder) / name).touch()

    run.runner.save_checkpoint = save
    run.step(gradient=float("nan"))
    with pytest.raises(RunStoppedError):
        run.guard.settle(run.runner)
    return [path.name for path in Path(folder).glob("*.pth")]


def test_no_process_leaves_before_the_last_good_state_is_written(tmp_path):
    """Launchers end all processes as soon as one is gone."""
    (tmp_path / "run").mkdir()
    found = run_on_two_processes(stopped_while_the_main_process_saves_slowly, tmp_path, str(tmp_path / "run"))
    assert found == [["last_good.pth"], ["last_good.pth"]]


def test_statistics_go_back_to_those_before_the_step_and_nothing_moves_in_between(tmp_path):
    run = Run(tmp_path)
    run.step()
    before = {name: value.clone() for name, value in run.model.named_buffers()}
    run.step(gradient=float("nan"))
    teacher = run.model.teacher.neck.prototypes.clone()
    with pytest.raises(RunStoppedError):
        run.step()
    after = dict(run.model.named_buffers())
    moved = [name for name in before if not torch.equal(before[name], after[name])]
    assert sorted(moved) == ["teacher.steps", "watch.intact"]
    assert (
        int(after["teacher.steps"]) == 2
    )  # the step that found it had begun with the teacher's move, the next did not
    assert torch.equal(teacher, run.model.teacher.neck.prototypes)


def test_a_checkpoint_is_not_written_over_a_finding(tmp_path):
    run = Run(tmp_path)
    run.step(gradient=float("nan"))
    with pytest.raises(RunStoppedError):
        run.guard.before_save_checkpoint(run.runner, {})


def test_steps_without_an_update_are_observed_too(tmp_path):
    """Gradient accumulation."""
    run = Run(tmp_path)
    views, boxes, flipped = random_batch()
    run.guard.before_train_iter(run.runner, 0)
    run.model([view.float() for view in views], as_samples(boxes, flipped), mode="loss")
    run.guard.after_train_iter(run.runner, 0, BATCH)
    run.guard.settle(run.runner)
    run.step(gradient=float("nan"))
    with pytest.raises(RunStoppedError, match=r"first in gradient of neck.prototypes"):
        run.guard.settle(run.runner)


def test_another_optimizer_is_refused_with_the_hook_that_takes_any(tmp_path):
    run = Run(tmp_path)
    run.runner.optim_wrapper.optimizer = torch.optim.SGD(run.model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match=r"got SGD: take slotcon_mm.BlockingFiniteGuardHook"):
        FiniteGuardHook().before_train(run.runner)
