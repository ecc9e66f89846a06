"""The ten-minute tour, cut to seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import tiny_slotcon

from slotcon_mm.quickstart import groups, run
from slotcon_mm.quickstart.baselines import best_colour_kmeans, supervised_fcn
from slotcon_mm.quickstart.labelled_pictures import LabelledPictures, cut_middle, read_labelled, read_unlabelled
from slotcon_mm.quickstart.report import Row, write_curves, write_report


def test_labelled_pictures_are_pairs_in_order(scenes):
    pictures = read_labelled(scenes, "val2017", 4)
    assert pictures.images.shape == (4, 96, 128, 3)
    assert pictures.labels.shape == (4, 96, 128)


def test_pictures_of_any_size_are_cut_to_the_reports(scenes):
    assert read_unlabelled(scenes / "train2017", 5).images.shape == (5, 192, 256, 3)
    for shape in ((10, 300, 3), (500, 20, 3), (1, 1, 3)):
        assert cut_middle(np.zeros(shape, np.uint8), 64, 48).shape == (48, 64, 3)


def test_colour_kmeans_finds_classes_that_colour_gives_away():
    labels = np.zeros((2, 100, 120), np.uint8)
    labels[:, 50:] = 1
    images = np.where(labels[..., None] == 1, 200, 30).astype(np.uint8).repeat(3, axis=-1)
    assert best_colour_kmeans(LabelledPictures(images, labels), 2, seed=0).mean_iou > 0.9


def test_a_supervised_network_learns_what_labels_teach():
    rng = np.random.default_rng(0)
    labels = np.zeros((8, 32, 32), np.uint8)
    labels[:, 16:] = 1
    images = np.where(labels[..., None] == 1, rng.integers(0, 256, (8, 32, 32, 1)), 128).astype(np.uint8).repeat(3, -1)
    backbone = dict(type="ResNet", depth=18, base_channels=8, stem_channels=8, strides=(1, 1, 1, 1))
    pictures = LabelledPictures(images, labels)
    scores = supervised_fcn(backbone, 64, pictures, pictures, 2, steps=30, seed=0)
    assert scores.mean_iou > 0.7


def test_groups_are_scored_at_the_labels_size_and_leave_the_model_as_it_was(monkeypatch):
    model = tiny_slotcon().float()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    pictures = LabelledPictures(
        np.random.default_rng(0).integers(0, 256, (3, 24, 32, 3), dtype=np.uint8), np.zeros((3, 24, 32), np.uint8)
    )
    grouped = groups.group_pictures(model, pictures, 4)
    assert grouped.maps.shape == (3, 24, 32)
    assert grouped.classes.shape == (5,)
    assert 0 < grouped.scores.pixel_accuracy <= 1
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_report_escapes_names_and_holds_its_pictures(tmp_path):
    write_curves(tmp_path / "c.png", {"loss": [2.0, 1.0], "other": [1.0, 1.0]})
    image = np.zeros((8, 8, 3), np.uint8)
    path = tmp_path / "r.html"
    columns = {"<b>": [image, image], "after": [image, image]}
    rows = [Row("<script>", 0.5, 0.25, True)]
    write_report(path, title="<t>", summary="s", rows=rows, note="n", columns=columns, curves=tmp_path / "c.png")
    text = path.read_text()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "<td>50.0</td><td>25.0</td>" in text
    assert text.count("data:image/jpeg;base64,") == 4


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "NUM_TRAIN", 64)
    monkeypatch.setattr(run, "NUM_HELD_OUT", 12)
    monkeypatch.setattr(run, "FCN_STEPS", 3)


@pytest.mark.usefixtures("small")
@pytest.mark.slow
def test_on_scenes_it_leaves_checkpoint_curves_scores_and_report(tmp_path):
    report = run.run_quickstart(None, tmp_path, seed=1, epochs=1, lr=None)
    assert report.read_text().count("data:image/jpeg") == 12 * 4
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["seed"] == 1
    assert len(scores["scores"]) == 4
    assert (tmp_path / "curves.png").stat().st_size > 1000
    assert torch.load(tmp_path / "epoch_1.pth", weights_only=True)["state_dict"]


@pytest.mark.usefixtures("small")
@pytest.mark.slow
def test_on_pictures_without_labels_it_shows_groups_and_says_that_there_is_no_score(tmp_path):
    run.run_quickstart(None, tmp_path / "a", seed=0, epochs=1, lr=0.0)
    report = run.run_quickstart(tmp_path / "a/scenes/train2017", tmp_path / "b", seed=0, epochs=1, lr=None)
    text = report.read_text()
    assert "no score" in text
    assert "mIoU" not in text


def test_a_folder_without_pictures_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="expected pictures"):
        run.run_quickstart(tmp_path, tmp_path / "w", seed=0, epochs=1, lr=None)
