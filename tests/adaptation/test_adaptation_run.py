"""An adaptation from images and weights to the report."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from helpers import run_tool
from runs import build_run, pretraining_options, train

import slotcon_mm
from slotcon_mm.adaptation.arguments import adaptation_parser
from slotcon_mm.adaptation.run import Adaptation, run_adaptation
from slotcon_mm.checkpoints.backbone import backbone_of
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local
from slotcon_mm.engine.hooks.start_guard_hook import read_guard

SMALL = [
    "train_dataloader.batch_size=4", "train_dataloader.dataset.pipeline.1.size=32", "model.neck.num_prototypes=16",
    "model.neck.hidden_channels=32", "model.slot_head.hidden_channels=32",
]  # fmt: skip


@pytest.fixture(scope="module")
def source(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work dir of the quickstart's network."""
    folder = tmp_path_factory.mktemp("source")
    options = {
        **pretraining_options(scenes, epochs=1),
        "param_scheduler.warmup": 0.5,
    }  # fmt: skip
    train(build_run("slotcon_r18_quickstart.py", folder, options=options))
    return folder


def labels_of(scenes: Path) -> list[str]:
    return ["--labels", str(scenes / "stuffthingmaps/val2017"), "--label-set", "scenes", "--held-out-share", "0.5"]


def adapted(scenes: Path, source: Path, out: Path, *options: str, labels: bool = True) -> Adaptation:
    args = adaptation_parser().parse_args([
        str(scenes / "val2017"), "--from", str(source), "--out", str(out), "--workers", "0", "--device", "cpu",
        *(labels_of(scenes) if labels else []), *options, "--cfg-options", *SMALL,
    ])  # fmt: skip
    return run_adaptation(args)


def backbone_in(file: Path) -> dict[str, torch.Tensor]:
    return backbone_of(load_from_safe_local(str(file), "cpu")).tensors


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(value.equal(other[name]) for name, value in one.items())


@pytest.fixture(scope="module")
def whole(scenes: Path, source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Adaptation]:
    out = tmp_path_factory.mktemp("adapted")
    return out, adapted(scenes, source, out, "--epochs", "2", "--validations", "2", "--no-guard")


def test_it_hands_back_what_training_ended_with_and_shows_both(whole, source):
    out, found = whole
    assert found.handed_back == "adapted"
    last = load_from_safe_local(str(out / "run/epoch_2.pth"), "cpu")
    assert same(backbone_in(found.backbone), backbone_of(last).tensors)
    assert same(backbone_in(out / "start.pth"), backbone_in(source / "epoch_1.pth"))
    assert not same(backbone_in(found.backbone), backbone_in(out / "start.pth"))
    assert [row.name for row in found.table.rows] == ["before", "after"]
    assert {row.size for row in found.table.rows} == {found.table.rows[0].size}


def test_its_last_validation_is_the_row_after(whole):
    out, found = whole
    with (out / "run/evaluation.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert float(lines[-1]["dense k-NN"]) == pytest.approx(found.table.rows[1].percent("knn")[0])
    assert float(lines[-1]["linear probe"]) == pytest.approx(found.table.rows[1].percent("probe")[0])


def test_the_page_says_verdict_table_images_prototypes_and_what_comes_next(whole):
    out, found = whole
    page = found.report.read_text()
    assert found.verdict.headline in page
    for part in (
        "Before and after",
        "dense k-NN",
        "What the features tell apart",
        "Prototypes",
        "convert_checkpoint.py",
    ):
        assert part in page
    assert (out / "prototypes/index.html").is_file()
    assert page.count("data:image/jpeg") == 3 * 6


def test_started_again_it_trains_no_step_more_and_says_the_same(whole, scenes, source):
    out, found = whole
    before = (out / "run/epoch_2.pth").read_bytes()
    again = adapted(scenes, source, out, "--epochs", "2", "--validations", "2", "--no-guard")
    assert again.verdict == found.verdict
    assert (out / "run/epoch_2.pth").read_bytes() == before
    assert same(backbone_in(again.backbone), backbone_in(out / "run/epoch_2.pth"))


def test_where_training_ruins_the_weights_it_stops_and_hands_back_the_start_to_the_bit(
    scenes, source, tmp_path, monkeypatch
):
    # few labels make large errors: any fall counts here
    monkeypatch.setattr("slotcon_mm.evaluation.frozen.paired.RESAMPLES", 2)
    monkeypatch.setattr("slotcon_mm.evaluation.frozen.paired.mean_ious", lambda counts, draws: draws.sum(1) * 0.0)
    found = adapted(scenes, source, tmp_path, "--epochs", "6", "--validations", "6", "--lr", "2000")
    guard = read_guard(tmp_path / "run")
    assert guard.fell
    assert len(guard.differences) < 6
    if found.handed_back == "start":
        assert found.backbone.read_bytes() == (tmp_path / "start.pth").read_bytes()
        assert same(backbone_in(found.backbone), backbone_in(source / "epoch_1.pth"))
    assert "stopped" in found.report.read_text()
    again = adapted(scenes, source, tmp_path, "--epochs", "6", "--validations", "6", "--lr", "2000")
    assert again.handed_back == found.handed_back
    assert read_guard(tmp_path / "run").differences == guard.differences


def test_other_weights_into_the_same_folder_are_refused(whole, scenes, tmp_path):
    out, _ = whole
    options = {
        **pretraining_options(scenes, epochs=1),
        "param_scheduler.warmup": 0.5, "randomness.seed": 7,
    }  # fmt: skip
    train(build_run("slotcon_r18_quickstart.py", tmp_path, options=options))
    with pytest.raises(ValueError, match="started from, got other ones"):
        adapted(scenes, tmp_path, out, "--epochs", "2")


def test_without_labels_it_claims_nothing(scenes, source, tmp_path):
    found = adapted(scenes, source, tmp_path, "--epochs", "1", labels=False)
    assert found.verdict.helped is None
    page = found.report.read_text()
    assert "Without labels" in page
    assert "feature rank" in page
    assert [row.name for row in found.table.rows] == ["before", "after"]
    assert found.handed_back == "adapted"


def test_from_python_it_is_the_same(whole, scenes, source, tmp_path):
    _, found = whole
    settings = dict(option.split("=") for option in SMALL)
    again = slotcon_mm.adapt(
        scenes / "val2017", source, tmp_path, labels=scenes / "stuffthingmaps/val2017", label_set="scenes", epochs=2,
        device="cpu", workers=0, held_out_share=0.5, validations=2, guard=False, options=settings,
    )  # fmt: skip
    assert same(backbone_in(again.backbone), backbone_in(found.backbone))
    assert again.verdict == found.verdict


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["nowhere", "--from", "x.pth"], "expected a folder of images, got nowhere"),
        (["{images}", "--from", "nowhere.pth"], "nowhere.pth"),
        (["{images}", "--from", "{source}", "--labels", "{images}"], "--label-set or --classes"),
        (["{images}", "--from", "{source}", "--config", "configs/evaluation/voc.py"], "pretraining config"),
        (["{images}", "--from", "{source}", "--epochs", "0"], "epochs above 0"),
    ],
    ids=["images", "weights", "classes", "config", "epochs"],
)  # fmt: skip
def test_what_does_not_fit_is_one_line(scenes, source, tmp_path, options, message):
    filled = [option.format(images=scenes / "val2017", source=source) for option in options]
    result = run_tool("tools/adapt.py", *filled, "--out", str(tmp_path), "--device", "cpu")
    assert result.last_line().startswith("error: ")
    assert message in result.last_line()
