"""Prototypes that begin as clusters of the images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from helpers import run_on_two_processes
from runs import build_run, pretraining_options
from torch import Tensor

from slotcon_mm.engine.hooks.prototype_start_hook import PrototypeStartHook
from slotcon_mm.engine.model_of import model_of

QUICKSTART = "slotcon_r18_quickstart.py"


def runner_of(scenes: Path, folder: Path, **options: Any) -> Any:
    given = {**pretraining_options(scenes, epochs=2), **options}
    runner = build_run(QUICKSTART, folder, options=given)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner._init_model_weights()
    return runner


def test_prototypes_are_mean_directions_of_the_pixels_they_win(scenes, tmp_path, monkeypatch):
    runner, seen = runner_of(scenes, tmp_path), []
    sample = PrototypeStartHook.sample

    def noted(self: Any, *args: Any) -> Tensor:
        seen.append(sample(self, *args))
        return seen[0]

    monkeypatch.setattr(PrototypeStartHook, "sample", noted)
    PrototypeStartHook(images=8, pixels=400).before_train(runner)
    model, (pixels,) = model_of(runner), seen
    prototypes = model.neck.prototypes.detach()
    torch.testing.assert_close(prototypes.norm(dim=1), torch.full((16,), model.neck.out_channels**0.5))
    directions = F.normalize(prototypes, dim=1)
    winners = (pixels @ directions.T).argmax(dim=1)
    assert set(winners.tolist()) == set(range(16))
    means = torch.stack([F.normalize(pixels[winners == k].mean(dim=0), dim=0) for k in range(16)])
    assert float((means * directions).sum(dim=1).min()) > 0.999
    assert model.teacher.neck.prototypes.equal(prototypes)


def test_pixels_are_what_the_teacher_projects_of_first_views_by_statistics_of_the_batch(scenes, tmp_path):
    runner = runner_of(scenes, tmp_path)
    hook, model = PrototypeStartHook(images=4, pixels=4 * 16), model_of(runner)
    found = hook.sample(runner, model)
    dataset = runner.train_dataloader.dataset
    batch = runner.train_dataloader.collate_fn([dataset[i] for i in torch.linspace(0, len(dataset) - 1, 4).long()])
    views = model.data_preprocessor(batch, True)["inputs"]
    model.teacher.train()
    expected = F.normalize(model.teacher.neck.project(model.teacher.backbone(views[0])), dim=1).flatten(2).mT
    assert len(found) == 4 * 16  # views of 32 on a stride of 8
    ours = found[found[:, 0].argsort()]
    theirs = expected.flatten(0, 1).detach()
    torch.testing.assert_close(ours, theirs[theirs[:, 0].argsort()], atol=1e-5, rtol=1e-4)


def test_nothing_else_of_the_model_and_none_of_the_runs_random_numbers_change(scenes, tmp_path):
    runner = runner_of(scenes, tmp_path)
    model = model_of(runner)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    PrototypeStartHook(images=8, pixels=200).before_train(runner)
    changed = {name for name, value in model.state_dict().items() if not value.equal(before[name])}
    assert changed == {"neck.prototypes", "teacher.neck.prototypes"}
    assert torch.get_rng_state().equal(state)


def test_a_resumed_run_keeps_its_own(scenes, tmp_path):
    runner = runner_of(scenes, tmp_path)
    runner.cfg.resume = True
    before = model_of(runner).neck.prototypes.detach().clone()
    PrototypeStartHook().before_train(runner)
    assert model_of(runner).neck.prototypes.equal(before)


def test_fewer_pixels_than_prototypes_are_refused(scenes, tmp_path):
    runner = runner_of(scenes, tmp_path, **{"model.neck.num_prototypes": 500})
    with pytest.raises(ValueError, match=r"prototypes, 500, got \d+: lower model.neck.num_prototypes"):
        PrototypeStartHook(images=4, pixels=64).before_train(runner)


def start_on(rank: int, scenes: Path, folder: Path) -> Tensor:
    runner = runner_of(scenes, folder / str(rank), **{"randomness.seed": 5})
    PrototypeStartHook(images=8, pixels=400).before_train(runner)
    return model_of(runner).neck.prototypes.detach()


def test_all_processes_begin_with_the_same(scenes, tmp_path):
    one, other = run_on_two_processes(start_on, tmp_path, scenes, tmp_path)
    assert one.equal(other)
