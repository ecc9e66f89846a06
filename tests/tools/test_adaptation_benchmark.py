"""The benchmark of training on from weights, at a size that takes half a minute."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from slotcon_mm.checkpoints.backbone import backbone_of
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local

VARIANTS = ("scratch", "whole", "adapted")
SMALL = dict(NUM_IMAGES=16, NUM_LABELED=8, BATCH=8, SOURCE_STEPS=4, SUPERVISED_STEPS=2)


@pytest.fixture(scope="module")
def benchmark() -> Any:
    sys.path.insert(0, str(Path(__file__).parents[2] / "tools/benchmarks"))
    try:
        module = importlib.import_module("adaptation")
    finally:
        sys.path.pop(0)
    return module


@pytest.fixture(scope="module")
def out(benchmark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All variants with four steps, two epochs, of 16 images."""
    folder = tmp_path_factory.mktemp("adaptation")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setattr(benchmark, name, value)
        arguments = ["--out", str(folder), "--steps", "4", "--seeds", "0", "--variants", *VARIANTS]
        patch.setattr(sys, "argv", ["adaptation.py", *arguments])
        benchmark.main()
    return folder


def start_of(work_dir: Path) -> dict[str, torch.Tensor]:
    return backbone_of(load_from_safe_local(str(work_dir / "epoch_2.pth"), "cpu")).tensors


def test_each_variant_is_scored_and_shown_beside_the_unchanged_source(out, benchmark, capsys):
    for variant in VARIANTS:
        found = json.loads((out / f"numbers/{variant}/steps-4-seed-0.json").read_text())
        assert set(found) == {"knn", "probe"}
        assert all(0 <= value <= 100 for value in found.values())
    benchmark.print_table(out)
    said = capsys.readouterr().out
    assert "| the source, unchanged |" in said
    assert all(f"| {variant} |" in said for variant in VARIANTS)


def test_all_but_one_start_from_the_sources_backbone(out):
    for variant in VARIANTS:
        logs = "".join(log.read_text() for log in (out / f"runs/{variant}/steps-4-seed-0").glob("*/*.log"))
        config = (out / f"runs/{variant}/steps-4-seed-0/slotcon_r18_scenes.py").read_text()
        assert "Traceback" not in logs
        assert ("PrototypeStartHook" in config) == (variant == "adapted")
    scratch, adapted = (start_of(out / f"runs/{variant}/steps-4-seed-0") for variant in ("scratch", "adapted"))
    source = start_of(out / "source")
    distance = [float((weights["layer4.1.conv2.weight"] - source["layer4.1.conv2.weight"]).norm())
                for weights in (scratch, adapted)]  # fmt: skip
    assert distance[1] < 0.5 * distance[0]


def test_what_is_done_is_not_done_again(out, benchmark, monkeypatch):
    monkeypatch.setattr(benchmark, "run_training", lambda start: pytest.fail("trained again"))
    for name, value in SMALL.items():
        monkeypatch.setattr(benchmark, name, value)
    arguments = ["adaptation.py", "--out", str(out), "--steps", "4", "--seeds", "0", "--variants", *VARIANTS]
    monkeypatch.setattr(sys, "argv", arguments)
    benchmark.main()


def test_steps_that_are_no_whole_epochs_are_refused(benchmark, tmp_path):
    with pytest.raises(ValueError, match="multiples of 50, an epoch, got 70"):
        benchmark.pretrain(tmp_path / "run", tmp_path / "day", 800, 70, 0, {}, None)


def test_weights_that_have_learned_labels_go_on_in_the_images_of_a_folder(
    out, benchmark, tmp_path, monkeypatch, capsys
):
    """The source has torchvision's names, and fills the backbone."""
    for name, value in SMALL.items():
        monkeypatch.setattr(benchmark, name, value)
    (tmp_path / "day").symlink_to(out / "day")
    given = ["--supervised", "--data", str(out / "night"), "--label-set", "scenes", "--steps", "2", "--seeds", "0"]
    monkeypatch.setattr(sys, "argv", ["adaptation.py", "--out", str(tmp_path), *given, "--variants", "whole", "third"])
    benchmark.main()
    said = capsys.readouterr().out
    assert "| third |" in said
    assert "| whole |" not in said  # labels teach no prototypes
    weights = torch.load(tmp_path / "source.pth", weights_only=True)
    assert "layer4.1.conv2.weight" in weights
    trained = load_from_safe_local(str(tmp_path / "runs/third/steps-2-seed-0/epoch_1.pth"), "cpu")
    change = backbone_of(trained).tensors["layer4.1.conv2.weight"] - weights["layer4.1.conv2.weight"]
    assert 0 < change.norm() < 0.1 * weights["layer4.1.conv2.weight"].norm()
