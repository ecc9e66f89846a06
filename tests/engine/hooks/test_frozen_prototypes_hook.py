"""Prototypes that rest: by hand, on two processes, under AMP and the guard, and in whole runs that are interrupted."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers import run_on_two_processes, tiny_slotcon
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from runs import build_run, differences, interrupted_at, log_of, pretraining_options, run_state, train
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from slotcon_mm.engine.hooks.finite_guard_hook import FiniteGuardHook
from slotcon_mm.engine.hooks.frozen_prototypes_hook import FrozenPrototypesHook
from slotcon_mm.engine.optimizers.clipped_adamw import ClippedAdamW

QUICKSTART = "slotcon_r18_quickstart.py"
EPOCHS, FROZEN, STEPS = 3, 1, 2  # steps of an epoch
NUMBERS: dict[str, Any] = dict(lr=0.1, weight_decay=0.5, max_norm=0.3)


class Tiny(nn.Module):
    """A student whose projector and prototypes learn from numbers."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.neck = nn.Linear(3, 4, dtype=torch.float64)
        self.neck.prototypes = nn.Parameter(torch.randn(5, 4, generator=generator, dtype=torch.float64))
        with torch.no_grad():
            for value in self.neck.parameters():
                value.copy_(torch.randn(value.shape, generator=generator, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return (self.neck(x) @ self.neck.prototypes.T).square().mean()


def batches() -> Tensor:
    """(epochs, steps, images, 3)"""
    return torch.randn(EPOCHS, STEPS, 8, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def trained(model: nn.Module, micro_batches: int, share: slice) -> dict[str, Tensor]:
    """The student after all epochs, and the prototypes' number of steps; each step takes its share of a batch."""
    student = model.module if isinstance(model, DistributedDataParallel) else model
    wrapper = OptimWrapper(ClippedAdamW(model.parameters(), **NUMBERS), accumulative_counts=micro_batches)
    runner: Any = SimpleNamespace(model=student, optim_wrapper=wrapper, epoch=0, max_epochs=EPOCHS)
    hook = FrozenPrototypesHook(FROZEN)
    hook.before_train(runner)
    start = student.neck.prototypes.detach().clone()
    for runner.epoch, epoch in enumerate(batches()):
        for batch in epoch:
            hook.before_train_iter(runner, 0)
            for part in batch[share].chunk(micro_batches):
                with wrapper.optim_context(model):
                    loss = model(part)
                wrapper.update_params(loss)
        state = wrapper.optimizer.state.get(student.neck.prototypes)
        if runner.epoch < FROZEN:
            assert torch.equal(start, student.neck.prototypes)
            assert state is None
        else:
            assert float(state["step"]) == STEPS * (runner.epoch + 1 - FROZEN)
    hook.after_train(runner)
    assert not torch.equal(start, student.neck.prototypes)
    return {name: value.detach().clone() for name, value in student.named_parameters()}


def derived() -> dict[str, Tensor]:
    """The same by an optimizer that is not told of the prototypes before they are free."""
    model = Tiny()
    optimizer = ClippedAdamW([model.neck.weight, model.neck.bias], **NUMBERS)
    for number, epoch in enumerate(batches()):
        if number == FROZEN:
            optimizer.add_param_group(dict(params=[model.neck.prototypes]))
        for batch in epoch:
            model.zero_grad()
            model(batch).backward()
            optimizer.step()
    return {name: value.detach() for name, value in model.named_parameters()}


@pytest.mark.parametrize("micro_batches", [1, 2])
def test_they_rest_without_decay_or_state_and_then_begin_as_an_optimizer_begins(micro_batches):
    torch.testing.assert_close(trained(Tiny(), micro_batches, slice(None)), derived(), rtol=1e-11, atol=1e-13)


def on_a_process(rank: int) -> list[dict[str, Tensor]]:
    def model() -> nn.Module:
        return DistributedDataParallel(Tiny(), gradient_as_bucket_view=True)

    return [trained(model(), micro_batches, slice(4 * rank, 4 * rank + 4)) for micro_batches in (1, 2)]


def test_two_processes_whose_gradients_are_views_of_buckets_do_what_one_does(tmp_path):
    expected = derived()
    for of_a_process in run_on_two_processes(on_a_process, tmp_path):
        for found in of_a_process:
            torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-13)


# Under AMP and the guard ---------------------------------------------------------------------------------------------


class Guarded:
    """SlotCon with both hooks and a GradScaler on the CPU, in the first of two epochs of which prototypes rest."""

    def __init__(self, folder: Path, scale: float | None) -> None:
        self.model = tiny_slotcon().float()
        self.optimizer = ClippedAdamW([p for p in self.model.parameters() if p.requires_grad], **NUMBERS)
        self.scaler = torch.amp.GradScaler("cpu", enabled=scale is not None, init_scale=scale or 1.0)
        self.runner: Any = SimpleNamespace(
            model=self.model, optim_wrapper=SimpleNamespace(optimizer=self.optimizer), iter=0, epoch=0, max_epochs=2,
            work_dir=str(folder),
        )  # fmt: skip
        self.hooks = [FiniteGuardHook(), FrozenPrototypesHook(1)]  # in the order of their priorities
        for hook in self.hooks:
            hook.before_train(self.runner)

    def step(self, prototypes_gradient: float) -> None:
        for hook in self.hooks:
            hook.before_train_iter(self.runner, 0)
        self.optimizer.zero_grad()
        loss = sum(value.sum() for value in self.model.parameters() if value.requires_grad)
        self.scaler.scale(loss).backward()
        self.model.neck.prototypes.grad.fill_(prototypes_gradient)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def weights(self) -> list[Tensor]:
        return [p.detach().clone() for p in self.model.parameters() if p.requires_grad]


@pytest.fixture(params=[None, 1024.0], ids=["fp32", "scaled"])
def guarded(request, tmp_path) -> Guarded:
    return Guarded(tmp_path, request.param)


def test_with_guard_and_scaler_all_but_the_prototypes_move(guarded):
    names = [name for name, p in guarded.model.named_parameters() if p.requires_grad]
    before = guarded.weights()
    guarded.step(1.0)
    moved = [not torch.equal(a, b) for a, b in zip(before, guarded.weights(), strict=True)]
    assert [name for name, did in zip(names, moved, strict=True) if not did] == ["neck.prototypes"]
    guarded.runner.epoch = 1
    guarded.step(1.0)
    assert float(guarded.optimizer.state[guarded.model.neck.prototypes]["step"]) == 1


def test_a_gradient_of_resting_prototypes_that_is_not_finite_means_what_it_means_later(guarded):
    before = guarded.weights()
    guarded.step(float("inf"))
    assert all(torch.equal(a, b) for a, b in zip(before, guarded.weights(), strict=True))
    # an overflow with a scaler, else a finding
    assert bool(guarded.model.watch.intact) is guarded.scaler.is_enabled()


# Whole runs ----------------------------------------------------------------------------------------------------------


def options(scenes: Path, **given: Any) -> dict[str, Any]:
    """By SlotMIM's optimizer and schedules."""
    return {
        **pretraining_options(scenes, epochs=3),
        "train_dataloader.dataset.pipeline.1.size": 32,
        "optim_wrapper.optimizer.type": "slotcon_mm.ClippedAdamW",
        "optim_wrapper.optimizer.weight_decay": 0.04,
        "optim_wrapper.optimizer.max_norm": 0.3,
        "optim_wrapper.constructor": "slotcon_mm.LayerDecayConstructor",
        "optim_wrapper.paramwise_cfg": dict(flat_decay_mult=0.0),
        "param_scheduler": [
            dict(
                type="slotcon_mm.WarmupCosineLR", warmup=1, start_factor=0, eta_min=2e-6, full_rate_in_warmup=True,
                by_epoch=True, convert_to_iter_based=True,
            ),
            dict(type="slotcon_mm.CosineWeightDecay", final=0.4, by_epoch=True, convert_to_iter_based=True),
        ],
        **given,
    }  # fmt: skip


def freeze(epochs: int) -> Any:
    def change(config: Config) -> None:
        config.custom_hooks.append(dict(type="slotcon_mm.FrozenPrototypesHook", epochs=epochs))

    return change


def test_runs_that_are_interrupted_while_prototypes_rest_and_after_end_in_the_same_bits(scenes, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    runner = train(build_run(QUICKSTART, whole, options=options(scenes), change=freeze(2)))
    kinds = [type(hook) for hook in runner.hooks]
    assert kinds.index(FiniteGuardHook) < kinds.index(FrozenPrototypesHook)
    for epoch, resume in ((1, None), (2, "latest")):
        interrupted_at(
            build_run(QUICKSTART, parts, options=options(scenes), change=freeze(2), resume=resume), epoch=epoch
        )
    train(build_run(QUICKSTART, parts, options=options(scenes), change=freeze(2), resume="latest"))
    state = run_state(whole / "epoch_3.pth")
    assert differences(state, run_state(parts / "epoch_3.pth")) == []
    steps = sorted(float(value) for name, value in state.items() if name.startswith("optimizer.") and ".step" in name)
    assert steps[:2] == [4.0, 12.0]  # of the prototypes, and of all the rest
    assert steps[-1] == 12.0
    start, second, third = (run_state(whole / f"epoch_{i}.pth")["state_dict.neck.prototypes"] for i in (1, 2, 3))
    assert torch.equal(start, second)
    assert not torch.equal(second, third)


def test_a_run_that_is_resumed_with_other_numbers_says_each_and_follows_them(scenes, tmp_path):
    interrupted_at(build_run(QUICKSTART, tmp_path, options=options(scenes), change=freeze(2)), epoch=1)
    changed = options(scenes, **{"optim_wrapper.optimizer.weight_decay": 0.08, "optim_wrapper.optimizer.max_norm": 0.5})
    changed["param_scheduler"][1]["final"] = 0.3
    runner = train(build_run(QUICKSTART, tmp_path, options=changed, change=freeze(1), resume="latest"))
    log = log_of(tmp_path)
    for line in (
        "custom_hooks.slotcon_mm.FrozenPrototypesHook.epochs is 1 now and 2 in the checkpoint",
        "optim_wrapper.optimizer.weight_decay is 0.08 now and 0.04 in the checkpoint",
        "optim_wrapper.optimizer.max_norm is 0.5 now and 0.3 in the checkpoint",
        "param_scheduler.1.final is 0.3 now and 0.4 in the checkpoint",
    ):
        assert log.count(f"--resume: {line}; the run continues with what the config says now") == 1, line
    groups = runner.optim_wrapper.optimizer.param_groups
    last = 0.3 - 0.22 * (1 + torch.tensor(torch.pi * 11 / 12).cos().item()) / 2
    assert sorted({round(group["weight_decay"], 6) for group in groups}) == [0.0, round(last, 6)]
    assert {group["max_norm"] for group in groups} == {0.5}


def test_a_warmup_as_long_as_the_run_is_refused_by_its_place_in_the_list(scenes, tmp_path):
    with pytest.raises(ValueError, match=r"lower it by --cfg-options param_scheduler.0.warmup=EPOCHS"):
        build_run(QUICKSTART, tmp_path, options=options(scenes, **{"train_cfg.max_epochs": 1}))


def test_a_whole_run_of_resting_prototypes_is_refused(scenes, tmp_path):
    with pytest.raises(ValueError, match=r"expected custom_hooks\.\d+\.epochs below the run's 3 epochs, got 3"):
        build_run(QUICKSTART, tmp_path, options=options(scenes), change=freeze(3))


def test_a_negative_number_of_epochs_is_refused():
    with pytest.raises(ValueError, match="expected epochs of 0 or more, got -1"):
        FrozenPrototypesHook(-1)
