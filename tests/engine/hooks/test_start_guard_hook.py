"""A training that ends where it has fallen below its start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.config import Config
from runs import build_run, interrupted_at, log_of, pretraining_options, train, training_arguments

from slotcon_mm.checkpoints.safe_loading import load_from_safe_local
from slotcon_mm.engine.hooks.start_guard_hook import GUARD_FILE, StartGuardHook, read_guard
from slotcon_mm.launch.evaluation_while_training import evaluate_while_training

QUICKSTART = "slotcon_r18_quickstart.py"


def guarded(scenes: Path, **settings: Any) -> Any:
    args = training_arguments(
        QUICKSTART, "--evaluate-every", "1", "--images", str(scenes / "val2017"), "--labels",
        str(scenes / "stuffthingmaps/val2017"), "--label-set", "scenes", "--held-out-share", "0.5",
    )  # fmt: skip

    def change(config: Config) -> None:
        evaluate_while_training(config, args)
        config.custom_hooks.append(dict(type="slotcon_mm.StartGuardHook", **settings))

    return change


def options(scenes: Path, **given: Any) -> dict[str, Any]:
    return pretraining_options(scenes, epochs=3, **given)


def ruin(monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """From this epoch on no cell is labeled right."""
    from slotcon_mm.evaluation.frozen.scorers import MapScorer

    plain = MapScorer.add

    def add(self: MapScorer, grid: Any) -> None:
        if add.epoch > after:
            predict = self.predict
            self.predict = lambda g: (np.where(g.labels == 255, 0, g.labels).astype(np.int64) + 1) % 19
            plain(self, grid)
            self.predict = predict
        else:
            plain(self, grid)

    add.epoch = 0
    monkeypatch.setattr(MapScorer, "add", add)
    original = StartGuardHook.after_val_epoch

    def counted(self: StartGuardHook, *args: Any, **kwargs: Any) -> None:
        add.epoch += 1
        original(self, *args, **kwargs)

    monkeypatch.setattr(StartGuardHook, "after_val_epoch", counted)


def test_a_fall_below_the_start_ends_the_run_and_says_by_how_much(scenes, tmp_path, monkeypatch):
    ruin(monkeypatch, after=1)  # the start, and the first epoch
    # so few images make a large error
    train(build_run(QUICKSTART, tmp_path, options=options(scenes), change=guarded(scenes, errors=0.5)))
    assert (tmp_path / "epoch_2.pth").is_file()
    assert not (tmp_path / "epoch_3.pth").exists()
    assert "dense k-NN has fallen below the start's by" in log_of(tmp_path)
    guard = read_guard(tmp_path)
    differences = guard.differences
    assert guard.fell
    assert [found["epoch"] for found in differences] == [1, 2]
    assert differences[0]["difference"] > -0.5 * differences[0]["error"]
    assert differences[1]["difference"] < -0.5 * differences[1]["error"]


def test_the_start_is_measured_before_the_first_step_and_kept_where_it_is_best(scenes, tmp_path, monkeypatch):
    ruin(monkeypatch, after=0)
    train(build_run(QUICKSTART, tmp_path, options=options(scenes), change=guarded(scenes)))
    (best,) = tmp_path.glob("best_knn_mIoU_epoch_*.pth")
    kept = load_from_safe_local(str(best), "cpu")
    assert kept["meta"]["iter"] == 0
    assert int(kept["state_dict"]["teacher.steps"]) == 0
    assert (tmp_path / "evaluation.csv").read_text().splitlines()[1].startswith("0,")


@pytest.fixture(scope="module")
def never_fallen(scenes, tmp_path_factory) -> Path:
    """The work dir of a run that goes on whatever its scores are."""
    work_dir = tmp_path_factory.mktemp("never-fallen")
    train(build_run(QUICKSTART, work_dir, options=options(scenes), change=guarded(scenes, errors=50.0)))
    return work_dir


def test_a_run_that_does_not_fall_goes_to_its_end(never_fallen):
    assert (never_fallen / "epoch_3.pth").is_file()
    assert len(read_guard(never_fallen).differences) == 3
    assert not read_guard(never_fallen).fell


def test_a_resumed_run_is_compared_with_the_same_start(scenes, tmp_path):
    change = guarded(scenes, errors=50.0)
    interrupted_at(build_run(QUICKSTART, tmp_path, options=options(scenes), change=change), epoch=2)
    start, before = read_guard(tmp_path).start, read_guard(tmp_path).differences
    train(build_run(QUICKSTART, tmp_path, options=options(scenes), change=change, resume="latest"))
    again, after = read_guard(tmp_path).start, read_guard(tmp_path).differences
    assert again == start
    assert [found["epoch"] for found in after] == [1, 2, 3]
    assert after[: len(before)] == before


def test_a_resumed_run_without_the_starts_score_is_refused(scenes, tmp_path):
    change = guarded(scenes, errors=50.0)
    interrupted_at(build_run(QUICKSTART, tmp_path, options=options(scenes), change=change), epoch=2)
    (tmp_path / GUARD_FILE).unlink()
    runner = build_run(QUICKSTART, tmp_path, options=options(scenes), change=change, resume="latest")
    with pytest.raises(FileNotFoundError, match=r"score of the start in .*guard\.json"):
        train(runner)


def test_a_run_without_a_validation_is_refused(scenes, tmp_path):
    def change(config: Config) -> None:
        config.custom_hooks.append(dict(type="slotcon_mm.StartGuardHook"))

    runner = build_run(QUICKSTART, tmp_path, options=options(scenes), change=change)
    with pytest.raises(ValueError, match="pass --evaluate-every N"):
        train(runner)


def test_the_note_is_plain_json(never_fallen):
    found = json.loads((never_fallen / GUARD_FILE).read_text())
    assert found["measure"] == "knn"
    assert len(found["start"]["hits"]) == len(found["start"]["unions"])
