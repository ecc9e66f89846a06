"""Heads that learn before the backbone moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from runs import build_run, differences, interrupted_at, pretraining_options, run_state, train

from slotcon_mm.checkpoints.safe_loading import load_from_safe_local

QUICKSTART = "slotcon_r18_quickstart.py"
DECAY = {
    "optim_wrapper.constructor": "slotcon_mm.LayerDecayConstructor",
    "optim_wrapper.paramwise_cfg": dict(layer_decay_rate=0.9),
}


def heads_first(epochs: int) -> Any:
    def change(config: Config) -> None:
        config.custom_hooks.append(dict(type="slotcon_mm.HeadsFirstHook", epochs=epochs))

    return change


def options(scenes: Path, **given: Any) -> dict[str, Any]:
    return {**pretraining_options(scenes, epochs=3), **DECAY, **given}


@pytest.fixture(scope="module")
def states(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, torch.Tensor]]:
    """After each of three epochs, of which the backbone rests in the first two."""
    folder = tmp_path_factory.mktemp("heads_first")
    train(build_run(QUICKSTART, folder, options=options(scenes), change=heads_first(2)))
    return [load_from_safe_local(str(folder / f"epoch_{i}.pth"), "cpu")["state_dict"] for i in (1, 2, 3)]


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor], part: str) -> set[str]:
    return {name for name, value in after.items() if name.startswith(part) and not value.equal(before[name])}


def test_the_backbones_of_student_and_teacher_rest_with_their_norms_and_the_heads_learn(states):
    first, second, _ = states
    assert not moved(first, second, "backbone.")
    assert not moved(first, second, "teacher.backbone.")
    assert "neck.prototypes" in moved(first, second, "neck.")
    assert moved(first, second, "slot_head.predictor.")
    # never touched since initialization
    assert first["backbone.bn1.running_mean"].abs().max() == 0


def test_then_all_of_it_learns(states):
    _, second, third = states
    assert {"backbone.conv1.weight", "backbone.bn1.running_mean"} <= moved(second, third, "backbone.")
    assert {"teacher.backbone.conv1.weight", "teacher.backbone.bn1.running_mean"} <= moved(second, third, "teacher.")


def test_schedules_of_mmengine_find_the_backbones_rate_again(scenes, tmp_path):
    """They go on from the rate that a group has."""
    schedule = dict(_delete_=True, type="CosineAnnealingLR", by_epoch=True, convert_to_iter_based=True)
    runner = build_run(QUICKSTART, tmp_path, options=options(scenes, param_scheduler=schedule), change=heads_first(2))
    train(runner)
    states = [load_from_safe_local(str(tmp_path / f"epoch_{i}.pth"), "cpu")["state_dict"] for i in (2, 3)]
    assert "backbone.conv1.weight" in moved(*states, "backbone.")


def test_a_run_that_is_interrupted_while_the_backbone_rests_ends_in_the_same_bits(scenes, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(build_run(QUICKSTART, whole, options=options(scenes), change=heads_first(2)))
    interrupted_at(build_run(QUICKSTART, parts, options=options(scenes), change=heads_first(2)), epoch=1)
    train(build_run(QUICKSTART, parts, options=options(scenes), change=heads_first(2), resume="latest"))
    assert differences(run_state(whole / "epoch_3.pth"), run_state(parts / "epoch_3.pth")) == []


def test_a_whole_run_of_heads_is_refused(scenes, tmp_path):
    runner = build_run(QUICKSTART, tmp_path, options=options(scenes), change=heads_first(3))
    with pytest.raises(ValueError, match="epochs below the run's 3, got 3"):
        train(runner)


def test_an_optimizer_that_cannot_tell_the_backbone_is_refused(scenes, tmp_path):
    plain = pretraining_options(scenes, epochs=3)
    runner = build_run(QUICKSTART, tmp_path, options=plain, change=heads_first(1))
    with pytest.raises(ValueError, match="LayerDecayConstructor"):
        train(runner)
