"""The study: its configs train, its numbers are kept, and nothing is done twice."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from runs import CONFIGS, build_run, pretraining_options, train

from slotcon_mm.datasets.scenes import write_scenes

METHODS = ("densecl", "mocov2", "byol", "simsiam")


@pytest.fixture(autouse=True)
def _scripts_folder(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "tools/benchmarks"))


@pytest.mark.parametrize("method", METHODS)
def test_another_method_trains_on_slotcons_views(method, scenes, tmp_path):
    options = {
        name: value for name, value in pretraining_options(scenes, epochs=2).items() if not name.startswith("model.")
    }
    runner = train(build_run(f"study/{method}_r18_scenes.py", tmp_path, options=options))
    assert runner.iter == 8
    assert runner.message_hub.get_scalar("train/loss").current() > -10
    clock = runner.train_dataloader.dataset.pipeline.transforms[1].clock
    assert clock.generator(3).random() == np.random.default_rng([0, 1, 3]).random()  # of seed 0, the second epoch


@pytest.mark.parametrize("method", METHODS)
def test_the_budget_is_slotcons(method):
    ours, theirs = (Config.fromfile(CONFIGS / f"study/{name}_r18_scenes.py") for name in ("slotcon", method))
    assert theirs.train_dataloader == ours.train_dataloader
    assert theirs.train_cfg == ours.train_cfg
    assert theirs.param_scheduler == ours.param_scheduler
    for key in ("depth", "base_channels", "stem_channels", "strides", "norm_cfg"):
        assert theirs.model.backbone[key] == ours.model.backbone[key]


def test_a_study_writes_a_table_and_goes_on_where_it_stopped(tmp_path, monkeypatch, capsys):
    import study

    write_scenes(tmp_path / "scenes", num_train=40, num_val=6, width=96, height=64, seed=0, workers=1)
    small = dict(NUM_LABELLED=12, NUM_TUNING=4, NUM_HELD_OUT=6, FCN_STEPS=2)
    few_steps = partial(study.probe_score, steps=20)
    for name, value in dict(small, has_detection=lambda: False, probe_score=few_steps).items():
        monkeypatch.setattr(study, name, value)
    arguments = ["--methods", "slotcon", "byol", "random", "--seeds", "0", "1", "--epochs", "2", "--rates", "1"]
    monkeypatch.setattr(sys, "argv", ["study.py", "--out", str(tmp_path), *arguments])
    study.main()
    table = capsys.readouterr().out
    assert all(f"| {method} | 2 |" in table for method in ("slotcon", "byol", "random"))
    found = json.loads((tmp_path / "byol/seed-1.json").read_text())
    assert set(found) == {"clusters", "probe", "neighbours", "fcn"}
    assert all(0 <= value <= 1 for value in found.values())
    assert found != json.loads((tmp_path / "byol/seed-0.json").read_text())

    monkeypatch.setattr(study, "pretrain", lambda *_: pytest.fail("trained again"))
    study.main()
    assert capsys.readouterr().out.split("\n| ", 1)[1] == table.split("\n| ", 1)[1]


def test_runs_of_another_length_are_not_mixed_in(tmp_path):
    import study

    for epochs in (None, 3):
        note = tmp_path / str(epochs) / "budget.json"
        study.expect_same_budget(note, epochs)
        study.expect_same_budget(note, epochs)
        with pytest.raises(ValueError, match="expected the budget of the runs in"):
            study.expect_same_budget(note, 2)
