"""The study: its configs train, its numbers are kept, and nothing is done twice."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from runs import CONFIGS, build_run, pretraining_options, train

from slotcon_mm.datasets.image_files import read_image
from slotcon_mm.datasets.image_lists import list_images
from slotcon_mm.datasets.scenes import write_scenes
from slotcon_mm.datasets.transforms.paired_views import PairedViews
from slotcon_mm.models.functional import align_to_overlap

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
    small = dict(NUM_LABELED=12, NUM_TUNING=4, NUM_HELD_OUT=6, FCN_STEPS=2)
    for name, value in dict(small, has_detection=lambda: False).items():
        monkeypatch.setattr(study, name, value)
    arguments = ["--methods", "byol", "random", "--seeds", "0", "1", "--epochs", "2", "--rates", "1"]
    monkeypatch.setattr(sys, "argv", ["study.py", "--out", str(tmp_path), *arguments])
    study.main()
    table = capsys.readouterr().out
    assert all(f"| {method} | 2 |" in table for method in ("byol", "random"))
    found = json.loads((tmp_path / "byol/seed-1.json").read_text())
    assert set(found) == {"rate", "clusters", "probe", "neighbors", "fcn"}
    assert all(0 <= value <= 1 for value in found.values())
    assert found != json.loads((tmp_path / "byol/seed-0.json").read_text())

    known = json.loads((tmp_path / "random/seed-0.json").read_text())

    monkeypatch.setattr(study, "pretrain", lambda *_: pytest.fail("trained again"))
    study.main()
    assert capsys.readouterr().out.split("\n| ", 1)[1] == table.split("\n| ", 1)[1]

    stale = tmp_path / "random/seed-0.json"
    stale.write_text(json.dumps(dict(rate=4.0, probe=0.99)))  # of a rate that is not chosen any more
    study.main()
    assert json.loads(stale.read_text()) == known


def test_an_ablation_changes_what_its_name_says_and_trains_at_slotcons_rate(scenes, tmp_path, monkeypatch):
    import study

    names = [name for name in study.studied("r18") if name not in study.METHODS["r18"]]
    assert {study.study_config(name, "r18").model.group_weight for name in names} == {0.0, 0.5, 1.0}
    whole = study.study_config("slotcon", "r18")
    for name in names:
        config = study.study_config(name, "r18")
        assert (config.model != whole.model) == ("unaligned" not in name)
        assert (config.train_dataloader != whole.train_dataloader) == ("unaligned" in name)
        assert config.optim_wrapper == whole.optim_wrapper

    (tmp_path / "slotcon").mkdir()
    (tmp_path / "slotcon/rates.json").write_text(json.dumps({"1.0": 0.1, "4.0": 0.3}))
    used = []
    monkeypatch.setattr(study, "study_one", lambda method, seed, rate, data, args: used.append((method, seed, rate)))
    monkeypatch.setattr(study, "NUM_TUNING", 1)
    monkeypatch.setattr(study, "SIZE", (96, 64))
    arguments = ["--methods", "slotcon_k16", "--seeds", "5", "--rates", "1", "4"]
    arguments += ["--data", str(scenes), "--label-set", "scenes"]
    monkeypatch.setattr(sys, "argv", ["study.py", "--out", str(tmp_path), *arguments])
    study.main()
    assert used == [("slotcon_k16", 5, 4.0)]


def test_every_method_on_a_vision_transformer_has_slotmims_budget_and_an_ablation_what_its_name_says():
    import study

    whole = study.study_config("slotmim", "vit-t16")
    names = study.studied("vit-t16")
    assert set(names) == {
        "slotmim", "slotcon", "densecl", "slotmim_no-masks", "slotmim_no-within-view", "slotmim_no-slots",
    }  # fmt: skip
    arch = {name: study.study_config(name, "vit-t16").model.backbone.arch for name in names}
    assert all(one == whole.model.backbone.arch for one in arch.values())
    plain = {key: value for key, value in pipeline_of(whole).items() if key != "mask"}
    for name in names:
        config = study.study_config(name, "vit-t16")
        masked = name not in ("slotcon", "densecl", "slotmim_no-masks")
        assert pipeline_of(config) == (pipeline_of(whole) if masked else plain)
        assert config.train_cfg == whole.train_cfg
        assert config.optim_wrapper == whole.optim_wrapper
        if name.startswith("slotmim"):
            changed = dict(group_weight=config.model.group_weight, within=config.model.within_view_weight)
            assert changed == dict(
                group_weight=1.0 if name.endswith("no-slots") else 0.5,
                within=0.0 if name.endswith(("no-masks", "no-within-view")) else 1.0,
            )


def pipeline_of(config: Config) -> dict:
    return dict(config.train_dataloader.dataset.pipeline[1])


def test_without_inverse_augmentation_scores_are_compared_where_they_lie(scenes):
    import unaligned_views

    packed = PairedViews(size=32)(dict(img=read_image(list_images(scenes)[0]), sample_idx=0))
    sample = unaligned_views.UnalignedViews()(packed)["data_samples"]
    scores_BKHW = torch.randn(1, 5, 7, 7)
    aligned = align_to_overlap(scores_BKHW, sample.overlap_boxes[None, 0], sample.flipped[None, 0])
    torch.testing.assert_close(aligned, scores_BKHW)


def test_simsiams_predictor_gets_the_rate_that_is_tried():
    import study

    config = study.study_config("simsiam", "r18")
    published = config.optim_wrapper.optimizer.lr
    config.merge_from_dict(study.learning_rates(config, 4.0))
    assert config.optim_wrapper.optimizer.lr == pytest.approx(4 * published)
    assert [hook.lr for hook in config.custom_hooks if hook.type == "SimSiamHook"] == pytest.approx([4 * published])


@pytest.mark.parametrize("own_classes", [False, True])
def test_real_images_of_many_sizes_are_measured(own_classes, tmp_path, monkeypatch, capsys):
    import study

    (tmp_path / "classes.txt").write_text("dark,0\nbright,7\n")
    classes = ["--classes", str(tmp_path / "classes.txt")] if own_classes else ["--label-set", "voc-21"]

    for split in ("train2017", "val2017"):
        for i, size in enumerate(((90, 70), (70, 90), (128, 96), (64, 64))):
            write_blocks(tmp_path / "data", split, f"{i}", *size)
    monkeypatch.setattr(study, "NUM_TUNING", 1)
    monkeypatch.setattr(study, "SIZE", (64, 48))
    arguments = ["--methods", "random", "--seeds", "0", "--no-fine-tuning", *classes]
    arguments += ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["study.py", *arguments])
    study.main()
    found = json.loads((tmp_path / "out/random/seed-0.json").read_text())
    assert found.keys() == {"rate", "clusters", "probe", "neighbors"}
    assert found["neighbors"] > 0.3  # of two classes, one dark and one bright
    assert "| random | 1 |" in capsys.readouterr().out


def write_blocks(root: Path, split: str, name: str, width: int, height: int) -> None:
    """An image with a bright object of VOC's class 7 before a dark background."""
    for folder in (root / split, root / "stuffthingmaps" / split):
        folder.mkdir(parents=True, exist_ok=True)
    label = np.zeros((height, width), np.uint8)
    label[: height // 2, width // 3 :] = 7
    noise = np.random.default_rng(0).integers(0, 40, (height, width, 3))
    cv2.imwrite(str(root / split / f"{name}.png"), (noise + (label > 0)[..., None] * 200).astype(np.uint8))
    cv2.imwrite(str(root / "stuffthingmaps" / split / f"{name}.png"), label)


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (["--data", "data/coco"], "--label-set or --classes with --data data/coco"),
        (["--classes", "names.txt"], "--data with --classes"),
        (["--label-set", "voc-21"], "--data with --label-set voc-21"),
    ],
)
def test_a_folder_is_not_scored_by_classes_that_nobody_named(arguments, missing, tmp_path, monkeypatch):
    import study

    monkeypatch.setattr(sys, "argv", ["study.py", "--out", str(tmp_path), *arguments])
    with pytest.raises(SystemExit, match=f"error: expected {missing}, got none"):
        study.main()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("num_images", "expected"), [(1000, 128), (128, 32), (5, 32), (118_287, 14_784), (1_281_167, 65_536)]
)
def test_few_images_meet_themselves_in_a_queue(num_images, expected):
    import study

    assert study.queue_length(num_images, batch_size=32) == expected
    configs = [study.study_config(method, "r18") for method in ("densecl", "mocov2")]
    assert [config.model.queue_len for config in configs] == [study.queue_length(study.NUM_TRAIN, 32)] * 2


def test_runs_of_another_length_are_not_mixed_in(tmp_path):
    import study

    for epochs in (None, 3):
        note = tmp_path / str(epochs) / "budget.json"
        study.expect_same_budget(note, dict(epochs=epochs))
        study.expect_same_budget(note, dict(epochs=epochs))
        with pytest.raises(ValueError, match="expected the budget of the runs in"):
            study.expect_same_budget(note, dict(epochs=2))
