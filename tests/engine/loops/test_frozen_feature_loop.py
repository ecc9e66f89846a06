"""A pretraining that is measured while it runs: the numbers are evaluate.py's, and the run is the one without."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers import run_on_two_processes, run_tool
from mmengine.config import Config
from mmengine.runner import Runner
from runs import (
    build_run,
    differences,
    interrupted_at,
    log_of,
    pretraining_options,
    run_state,
    train,
    training_arguments,
)
from torch import nn

from slotcon_mm.engine.loops.frozen_feature_loop import FrozenFeatureLoop, evaluation_mode
from slotcon_mm.launch.evaluation_while_training import evaluate_while_training

QUICKSTART = "slotcon_r18_quickstart.py"


def options(scenes: Path) -> dict[str, Any]:
    return pretraining_options(scenes, epochs=2)


def measured(scenes: Path) -> Any:
    """What ``--evaluate-every 1`` makes of a config."""
    args = training_arguments(QUICKSTART, "--evaluate-every", "1", *data_options(scenes))

    def change(config: Config) -> None:
        evaluate_while_training(config, args)

    return change


def data_options(scenes: Path) -> list[str]:
    return [
        "--images", str(scenes / "val2017"), "--labels", str(scenes / "stuffthingmaps/val2017"),
        "--label-set", "scenes", "--held-out-share", "0.5",
    ]  # fmt: skip


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "evaluation.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def run(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("measured")
    train(build_run(QUICKSTART, folder, options=options(scenes), change=measured(scenes)))
    return folder


@pytest.fixture(scope="module")
def run_without(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("not_measured")
    train(build_run(QUICKSTART, folder, options=options(scenes)))
    return folder


def evaluated(weights: list[Path], scenes: Path, out: Path) -> dict[str, dict[str, float]]:
    """By weights and measure, of tools/evaluate.py."""
    result = run_tool(
        "tools/evaluate.py", *map(str, weights), *data_options(scenes), "--measures", "knn", "probe", "--no-random",
        "--workers", "0", "--device", "cpu", "--out", str(out),
    )  # fmt: skip
    assert result.code == 0, result.said
    found: dict[str, dict[str, float]] = {}
    with (out / "evaluation.csv").open() as file:
        for row in csv.DictReader(file):
            found.setdefault(row["weights"], {})[row["measure"]] = float(row["percent"])
    return found


def test_each_epochs_numbers_are_those_of_evaluate_py_on_its_checkpoint_to_the_last_bit(run, scenes, tmp_path):
    files = [run / f"epoch_{epoch}.pth" for epoch in (1, 2)]
    found = evaluated(files, scenes, tmp_path)
    assert [row["epoch"] for row in rows(run)] == ["1", "2"]
    for path, row in zip(files, rows(run), strict=True):
        assert float(row["dense k-NN"]) == found[str(path)]["knn"]
        assert float(row["linear probe"]) == found[str(path)]["probe"]
    assert rows(run)[0]["dense k-NN"] != rows(run)[1]["dense k-NN"]
    assert (run / "evaluation.png").stat().st_size > 1000


def test_a_run_that_starts_afresh_does_not_go_on_with_an_earlier_ones_table(tmp_path):
    (tmp_path / "evaluation.csv").write_text("epoch,dense k-NN\n0,99.0\n1,99.0\n7,99.0\n")
    runner = SimpleNamespace(work_dir=str(tmp_path), epoch=5)
    loop = SimpleNamespace(runner=runner, is_new=True)
    FrozenFeatureLoop.draw(loop, {"dense k-NN": 1.0})
    runner.epoch = 6
    FrozenFeatureLoop.draw(loop, {"dense k-NN": 2.0})
    assert [(row["epoch"], row["dense k-NN"]) for row in rows(tmp_path)] == [("5", "1.0"), ("6", "2.0")]


def test_scores_are_in_the_log_in_percent(run):
    for row in rows(run):
        assert f"knn_mIoU: {float(row['dense k-NN']):.4f}" in log_of(run)
        assert f"probe_mIoU: {float(row['linear probe']):.4f}" in log_of(run)


def test_a_run_that_is_measured_is_the_one_that_is_not_to_the_last_bit(run, run_without):
    for epoch in (1, 2):
        one, other = (run_state(folder / f"epoch_{epoch}.pth") for folder in (run, run_without))
        assert [name for name in differences(one, other) if not name.startswith("log.val/")] == []


def test_the_checkpoint_with_the_best_knn_is_kept(run):
    scores = [float(row["dense k-NN"]) for row in rows(run)]
    best = scores.index(max(scores)) + 1
    assert [path.name for path in run.glob("best*")] == [f"best_knn_mIoU_epoch_{best}.pth"]
    kept, regular = (
        torch.load(run / name, weights_only=True)["state_dict"]
        for name in (f"best_knn_mIoU_epoch_{best}.pth", f"epoch_{best}.pth")
    )
    assert all(kept[name].equal(regular[name]) for name in regular)


def test_a_run_that_is_resumed_goes_on_with_its_table(run, scenes, tmp_path):
    change = measured(scenes)
    interrupted_at(build_run(QUICKSTART, tmp_path, options=options(scenes), change=change), iteration=5)
    assert [row["epoch"] for row in rows(tmp_path)] == ["1"]
    train(build_run(QUICKSTART, tmp_path, options=options(scenes), change=change, resume="latest"))
    assert rows(tmp_path) == rows(run)
    assert differences(run_state(tmp_path / "epoch_2.pth"), run_state(run / "epoch_2.pth")) == []
    assert sorted(path.name for path in tmp_path.glob("best*")) == sorted(path.name for path in run.glob("best*"))


@pytest.mark.parametrize("obstacle", ["another table", "a folder"])
def test_curves_that_cannot_be_written_are_said_and_training_goes_on(tmp_path, obstacle):
    path, said = tmp_path / "evaluation.csv", []
    path.mkdir() if obstacle == "a folder" else path.write_text("another;table\n1;2\n")
    runner = SimpleNamespace(work_dir=str(tmp_path), epoch=1, logger=SimpleNamespace(warning=said.append))
    FrozenFeatureLoop.draw(SimpleNamespace(runner=runner, is_new=True), {"dense k-NN": 1.0})
    assert len(said) == 1
    assert "the scores' curves could not be written (" in said[0]
    assert "training goes on" in said[0]


def two_processes(rank: int, scenes: str, work_dir: str) -> dict[str, float]:
    runner = build_run(
        QUICKSTART, Path(work_dir), launcher="pytorch", change=measured(Path(scenes)),
        options={**options(Path(scenes)), "train_dataloader.batch_size": 2},
    )  # fmt: skip
    runner.train()
    return {name: value.current() for name, value in runner.message_hub.log_scalars.items() if "mIoU" in name}


def test_on_two_processes_both_have_evaluate_pys_numbers_of_the_checkpoint(scenes, tmp_path):
    one, other = run_on_two_processes(two_processes, tmp_path, str(scenes), str(tmp_path / "w"))
    found = evaluated([tmp_path / "w/epoch_2.pth"], scenes, tmp_path / "out")[str(tmp_path / "w/epoch_2.pth")]
    assert one == other
    assert one["val/knn_mIoU"] == float(rows(tmp_path / "w")[1]["dense k-NN"])
    # batches differ, and with them the rounding of features, which the probe of three small images magnifies
    assert one == pytest.approx({f"val/{name}_mIoU": value for name, value in found.items()}, abs=0.2)
    assert len(rows(tmp_path / "w")) == 2


def test_each_part_returns_to_the_mode_that_it_had_also_after_an_error():
    model = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.Dropout(), nn.BatchNorm1d(1)))
    model.train()
    model[1][1].eval()

    def fail() -> None:
        with evaluation_mode(model):
            assert not any(part.training for part in model.modules())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [part.training for part in model.modules()] == [True, True, True, True, False]


def test_what_the_loop_cannot_do_is_refused(scenes, tmp_path):
    def build(**changes: Any) -> Runner:
        def change(config: Config) -> None:
            measured(scenes)(config)
            for name, value in changes.items():
                config.val_cfg[name] = value

        runner = build_run(QUICKSTART, tmp_path, options=options(scenes), change=change)
        assert isinstance(runner.val_loop, FrozenFeatureLoop)
        return runner

    with pytest.raises(ValueError, match="expected most_images above 0, got 0"):
        build(most_images=0)
    with pytest.raises(ValueError, match=r"expected val_evaluator=\[\] with FrozenFeatureLoop"):
        build(evaluator=dict(type="slotcon_mm.GroupMetric"))
    runner = build(measures=["knn", "guess"])
    with pytest.raises(ValueError, match=r"expected measures of knn, .*, got guess"):
        runner.val_loop.run()
    assert not (tmp_path / "evaluation.csv").exists()
