"""A resumed run has the learning rate that its config would have had at that place from the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.runner import Runner
from torch import Tensor, nn

from slotcon_mm.engine.hooks.resumed_settings_hook import ResumedSettingsHook

ITERATIONS = 3  # of an epoch


@MODELS.register_module(name="LineForResuming")
class Line(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, inputs: Tensor, mode: str = "loss", **_: Any) -> Any:
        return dict(loss=self.layer(inputs).square().mean())


class RatesHook(Hook):
    priority = "VERY_LOW"

    def __init__(self) -> None:
        self.rates: list[float] = []

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        self.rates.append(runner.optim_wrapper.optimizer.param_groups[0]["lr"])


def run(
    work_dir: Path,
    epochs: int,
    optimizer: dict,
    schedules: list[dict],
    *,
    resume: bool = False,
    length: int = ITERATIONS,
) -> tuple[Runner, list[float]]:
    data = [dict(inputs=torch.full((2,), float(i))) for i in range(length)]
    loader = dict(
        batch_size=1,
        dataset=data,
        sampler=dict(type="DefaultSampler", shuffle=False),
        collate_fn=dict(type="default_collate"),
    )
    config = Config(
        dict(
            model=dict(type="LineForResuming"),
            work_dir=str(work_dir),
            randomness=dict(seed=0),
            train_dataloader=loader,
            train_cfg=dict(by_epoch=True, max_epochs=epochs),
            optim_wrapper=dict(optimizer=dict(type="SGD", momentum=0.9, **optimizer)),
            param_scheduler=schedules,
            default_hooks=dict(checkpoint=dict(type="slotcon_mm.PlainCheckpointHook", interval=1)),
            resume=resume,
            experiment_name=f"{work_dir}-{epochs}-{resume}",  # two runs of one second are told apart
        )
    )
    runner = Runner.from_cfg(config)
    rates = RatesHook()
    runner.register_hook(rates)
    if resume:
        runner.register_hook(ResumedSettingsHook())
    runner.train()
    return runner, rates.rates


WARMUP = dict(type="LinearLR", start_factor=0.1, begin=0, end=4, by_epoch=False)
OLD = dict(lr=0.1, weight_decay=1e-4), [WARMUP, dict(type="MultiStepLR", milestones=[3], by_epoch=True)]


@pytest.mark.parametrize(
    ("optimizer", "schedules"),
    [
        (dict(lr=0.02, weight_decay=1e-4), OLD[1]),
        (OLD[0], [WARMUP, dict(type="MultiStepLR", milestones=[1], gamma=0.5, by_epoch=True)]),
        (OLD[0], [dict(type="CosineAnnealingLR", T_max=12, eta_min=1e-3, by_epoch=False)] * 1 + [WARMUP]),
    ],
    ids=["another rate", "other milestones", "other schedules"],
)
def test_the_rate_is_that_of_a_run_with_this_config_from_the_start(tmp_path, optimizer, schedules):
    _, expected = run(tmp_path / "a", 4, optimizer, schedules)
    run(tmp_path / "b", 2, *OLD)
    _, found = run(tmp_path / "b", 4, optimizer, schedules, resume=True)
    assert found == pytest.approx(expected[2 * ITERATIONS :], rel=1e-12)


@pytest.mark.parametrize("length", [2 * ITERATIONS, ITERATIONS - 1])
def test_epochs_that_other_images_have_made_longer_or_shorter_count_as_epochs(tmp_path, length):
    by_epoch = [dict(type="MultiStepLR", milestones=[1, 3], by_epoch=True)]
    run(tmp_path, 2, *OLD)
    _, found = run(tmp_path, 4, OLD[0], by_epoch, resume=True, length=length)
    assert found == pytest.approx([0.01] * length + [0.001] * length, rel=1e-12)


def test_a_schedule_whose_length_the_config_leaves_open_follows_a_longer_run(tmp_path):
    cosine = [dict(type="CosineAnnealingLR", by_epoch=True)]
    _, expected = run(tmp_path / "a", 4, OLD[0], cosine)
    run(tmp_path / "b", 2, OLD[0], cosine)
    _, found = run(tmp_path / "b", 4, OLD[0], cosine, resume=True)
    assert found == pytest.approx(expected[2 * ITERATIONS :], rel=1e-12)


def test_decay_is_the_configs_and_momentum_the_checkpoints(tmp_path):
    run(tmp_path, 2, *OLD)
    saved = torch.load(tmp_path / "epoch_2.pth", weights_only=False)["optimizer"]
    runner, _ = run(tmp_path, 2, dict(lr=0.1, weight_decay=0.5), OLD[1], resume=True)
    optimizer = runner.optim_wrapper.optimizer
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.5]
    assert saved["param_groups"][0]["weight_decay"] == 1e-4
    buffers = [state["momentum_buffer"] for state in optimizer.state.values()]
    assert all(torch.equal(a, b["momentum_buffer"]) for a, b in zip(buffers, saved["state"].values(), strict=True))


def test_a_schedule_that_follows_a_score_keeps_what_it_has_seen(tmp_path):
    hook = ResumedSettingsHook()
    runner, _ = run(tmp_path, 1, *OLD)
    runner.param_schedulers = runner.build_param_scheduler(dict(type="ReduceOnPlateauLR", monitor="loss", patience=0))
    hook.before_run(runner)
    runner.param_schedulers[0].num_bad_epochs = 3
    hook.before_train(runner)
    assert runner.param_schedulers[0].num_bad_epochs == 3
