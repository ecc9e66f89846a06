"""The ten-minute tour, cut to seconds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from slotcon_mm.quickstart import material, run


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (run, material):
        monkeypatch.setattr(module, "NUM_TRAIN", 64)
        monkeypatch.setattr(module, "NUM_HELD_OUT", 12)
    monkeypatch.setattr(run, "FCN_STEPS", 3)


@pytest.mark.usefixtures("small")
@pytest.mark.slow
def test_on_scenes_it_leaves_checkpoint_curves_scores_and_report(tmp_path):
    report = run.run_quickstart(None, tmp_path, seed=1, epochs=1, lr=None)
    assert report.read_text().count("data:image/jpeg") == 12 * 4 + 1
    assert (tmp_path / "prototypes/index.html").is_file()
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["seed"] == 1
    assert len(scores["scores"]) == 4
    assert (tmp_path / "curves.png").stat().st_size > 1000
    assert torch.load(tmp_path / "epoch_1.pth", weights_only=True)["state_dict"]


@pytest.mark.usefixtures("small")
@pytest.mark.slow
def test_on_images_without_labels_it_shows_groups_and_says_that_there_is_no_score(tmp_path):
    run.run_quickstart(None, tmp_path / "a", seed=0, epochs=1, lr=0.0)
    report = run.run_quickstart(tmp_path / "a/scenes/train2017", tmp_path / "b", seed=0, epochs=1, lr=None)
    text = report.read_text()
    assert "no score" in text
    assert "mIoU" not in text


def test_a_folder_without_images_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="expected images"):
        run.run_quickstart(tmp_path, tmp_path / "w", seed=0, epochs=1, lr=None)
