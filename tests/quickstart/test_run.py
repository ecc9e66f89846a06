"""The ten-minute tour, cut to seconds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from slotcon_mm.datasets.scenes import CLASSES, write_scenes
from slotcon_mm.quickstart import material, run
from slotcon_mm.quickstart.material import GivenLabels, own_images


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (run, material):
        monkeypatch.setattr(module, "NUM_TRAIN", 64)
        monkeypatch.setattr(module, "NUM_HELD_OUT", 12)
    monkeypatch.setattr(run, "FCN_STEPS", 3)
    monkeypatch.setattr(material.os, "cpu_count", lambda: 1)  # no processes, whose start would take longest


@pytest.mark.usefixtures("small")
@pytest.mark.slow
@pytest.mark.parametrize("method", run.METHODS)
def test_on_scenes_it_leaves_checkpoint_curves_scores_and_report(tmp_path, method):
    report = run.run_quickstart(None, tmp_path, seed=1, epochs=1, lr=None, method=method)
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
    write_scenes(tmp_path / "scenes", num_train=32, num_val=1, width=96, height=64, workers=1)
    report = run.run_quickstart(tmp_path / "scenes/train2017", tmp_path / "run", seed=0, epochs=1, lr=None)
    text = report.read_text()
    assert "no score" in text
    assert "mIoU" not in text


def test_a_folder_without_images_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="expected images"):
        run.run_quickstart(tmp_path, tmp_path / "w", seed=0, epochs=1, lr=None)


@pytest.mark.usefixtures("small")
@pytest.mark.slow
def test_on_images_with_labels_it_scores_those_that_are_held_out(scenes, tmp_path):
    images, maps = tmp_path / "images", tmp_path / "maps"
    for place, split in (("a", "train2017"), ("b", "train2017"), ("held out", "val2017")):
        shutil.copytree(scenes / split, images / place)
        shutil.copytree(scenes / "stuffthingmaps" / split, maps / place)
    labels = GivenLabels(str(maps), dict(classes=CLASSES), held_out="held out")
    report = run.run_quickstart(images, tmp_path / "w", seed=0, epochs=1, lr=None, labels=labels)
    text = report.read_text()
    assert "6 of the 38 labeled images, below held out" in text
    assert text.count("data:image/jpeg") == 6 * 4 + 1
    assert len(json.loads((tmp_path / "w/scores.json").read_text())["scores"]) == 4
    page = (tmp_path / "w/prototypes/index.html").read_text()
    assert any(f" % {name}<" in page for name in CLASSES)


def test_there_are_prototypes_for_each_class(scenes, tmp_path):
    counts = {}
    for number in (0, 5, 19, 200):
        images = own_images(scenes, None)._replace(classes=tuple(map(str, range(number))))
        config = run.make_config(
            run.CONFIGS / "slotcon_r18_quickstart.py", scenes, images, tmp_path, seed=0, epochs=None, lr=None
        )
        counts[number] = config.model.neck.num_prototypes
    assert counts == {0: 32, 5: 32, 19: 57, 200: 256}


def test_a_batch_holds_no_more_images_than_there_are(tmp_path):
    for number in range(3):
        Image.new("RGB", (40, 30)).save(tmp_path / f"{number}.png")
    images = own_images(tmp_path, None)
    file = run.CONFIGS / "slotcon_r18_quickstart.py"
    config = run.make_config(file, tmp_path, images, tmp_path, seed=0, epochs=None, lr=None)
    assert config.train_dataloader.batch_size == 3


def test_labels_without_images_are_refused(tmp_path):
    with pytest.raises(ValueError, match="--data with --labels, got none"):
        run.run_quickstart(None, tmp_path, seed=0, epochs=1, lr=None, labels=GivenLabels("labels", "scenes"))
