"""``--evaluate-every``: what it makes of a training's config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from runs import CONFIGS, training_arguments

from slotcon_mm.launch.evaluation_while_training import evaluate_while_training, evaluation_changes

QUICKSTART = CONFIGS / "slotcon_r18_quickstart.py"


def labeled(root: Path) -> list[str]:
    (root / "labels").mkdir(exist_ok=True)
    return ["--evaluate-every", "2", "--labels", str(root / "labels"), "--label-set", "scenes"]


def changed(*options: str, **changes: Any) -> Config:
    config = Config.fromfile(QUICKSTART)
    config.merge_from_dict({"train_dataloader.dataset.data_root": "data/scenes", **changes})
    evaluate_while_training(config, training_arguments(QUICKSTART, *options))
    return config


def test_without_the_option_nothing_changes():
    config = Config.fromfile(QUICKSTART)
    assert evaluate_while_training(config, training_arguments(QUICKSTART)) == []
    assert config.to_dict() == Config.fromfile(QUICKSTART).to_dict()


def test_a_validation_of_the_training_images_is_set_and_the_best_is_kept(tmp_path):
    config = changed(*labeled(tmp_path))
    assert config.train_cfg.val_interval == 2
    assert config.val_cfg.type == "slotcon_mm.FrozenFeatureLoop"
    assert config.val_cfg.most_images == 500
    assert config.val_evaluator == []
    assert config.val_dataloader.dataset.data_prefix.img_path == str(Path("data/scenes/train2017"))
    assert config.val_cfg.train.data_prefix.img_path == str(Path("data/scenes/train2017"))
    assert config.val_dataloader.dataset.subset.part == "held-out"
    assert config.val_cfg.train.subset.part == "train"
    assert config.default_hooks.checkpoint.save_best == "knn_mIoU"
    assert config.default_hooks.checkpoint.rule == "greater"


@pytest.mark.parametrize(
    ("changes", "folder"),
    [
        ({"train_dataloader.dataset.folders": ["a"]}, "data/scenes/a"),
        ({"train_dataloader.dataset.folders": "a"}, "data/scenes/a"),
        ({"train_dataloader.dataset.folders": [""]}, "data/scenes"),
        ({"train_dataloader.dataset.data_root": "", "train_dataloader.dataset.folders": ["a"]}, "a"),
    ],
)
def test_the_training_folder_is_found_however_the_config_spells_it(tmp_path, changes, folder):
    config = changed(*labeled(tmp_path), **changes)
    assert config.val_dataloader.dataset.data_prefix.img_path == str(Path(folder))


def test_other_images_can_be_given_and_fewer_or_more_of_them(tmp_path):
    config = changed(*labeled(tmp_path), "--images", "x", "--most-images", "7")
    assert config.val_dataloader.dataset.data_prefix.img_path == "x"
    assert config.val_cfg.most_images == 7
    assert changed(*labeled(tmp_path), "--most-images", "0").val_cfg.most_images == 0  # which the loop refuses


def test_a_config_gives_data_size_and_pixels(tmp_path):
    preset = tmp_path / "p.py"
    preset.write_text(
        "train = dict(type='slotcon_mm.A')\nheld_out = dict(type='slotcon_mm.B')\n"
        "choices = dict(size=96, pixels=1000, memory=5, measures=('knn', 'retrieval'))\n"
    )
    config = changed("--evaluate-every", "1", "--evaluation-data", str(preset))
    assert config.val_cfg.to_dict() == dict(
        type="slotcon_mm.FrozenFeatureLoop", train=dict(type="slotcon_mm.A"), most_images=500, size=96, pixels=1000
    )
    assert config.val_dataloader.dataset.type == "slotcon_mm.B"
    with pytest.raises(ValueError, match=r"expected --evaluation-data .* or --labels, got both"):
        changed("--evaluate-every", "1", "--evaluation-data", str(preset), "--labels", "x")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["--labels", "x"], "labels"), (["--images", "x"], "images"), (["--evaluation-data", "x"], "evaluation-data"),
        (["--label-set", "scenes"], "label-set"), (["--splits", "a", "b"], "splits"),
        (["--split-seed", "1"], "split-seed"), (["--label-suffix", "_x.png"], "label-suffix"),
    ],
)  # fmt: skip
def test_data_without_how_often_is_refused(options, name):
    with pytest.raises(ValueError, match=f"expected --evaluate-every N with --{name}, got none"):
        changed(*options)


def test_what_cannot_be_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected --evaluate-every of 1 epoch or more, got 0"):
        changed(*labeled(tmp_path), "--evaluate-every", "0")
    with pytest.raises(ValueError, match="expected a config without a validation for --evaluate-every, got"):
        changed(*labeled(tmp_path), val_cfg=dict(type="ValLoop"))
    with pytest.raises(ValueError, match=r"--images FOLDER and --labels FOLDER_OR_JSON, .*, got --images alone"):
        changed("--evaluate-every", "1")
    for change in ({"train_cfg.by_epoch": False}, {"train_cfg.type": "IterBasedTrainLoop"}):
        with pytest.raises(ValueError, match="expected a training by epochs for --evaluate-every, got"):
            changed(*labeled(tmp_path), **change)
    for change in (
        {"train_dataloader.dataset.folders": ["a", "b"]},
        {"train_dataloader.dataset.ann_file": "list.txt"},
        {"train_dataloader.dataset": dict(_delete_=True, type="Other")},
    ):
        with pytest.raises(ValueError, match="expected --images FOLDER with --evaluate-every, got none: the training"):
            changed(*labeled(tmp_path), **change)


def test_another_score_may_choose_the_best_checkpoint(tmp_path):
    config = changed(*labeled(tmp_path), **{"default_hooks.checkpoint.save_best": "probe_mIoU"})
    assert config.default_hooks.checkpoint.save_best == "probe_mIoU"


def test_workers_are_waited_for_as_long_as_the_trainings(tmp_path):
    config = changed(*labeled(tmp_path), **{"train_dataloader.num_workers": 3})
    assert (config.val_dataloader.num_workers, config.val_dataloader.timeout) == (3, 600)
    assert changed(*labeled(tmp_path), **{"train_dataloader.num_workers": 0}).val_dataloader.timeout == 0


def test_a_resumed_run_says_what_is_measured_otherwise(tmp_path):
    before = changed(*labeled(tmp_path)).to_dict()
    assert evaluation_changes(before, changed(*labeled(tmp_path)).to_dict()) is None
    moved = changed(*labeled(tmp_path), "--images", "elsewhere", **{"train_dataloader.num_workers": 5}).to_dict()
    assert evaluation_changes(before, moved) is None
    fewer = evaluation_changes(before, changed(*labeled(tmp_path), "--most-images", "7").to_dict())
    assert fewer is not None
    assert "another one than in the checkpoint (val_cfg.most_images): its scores do not compare" in fewer
    split = evaluation_changes(before, changed(*labeled(tmp_path), "--split-seed", "1").to_dict())
    assert split is not None
    assert "(val_cfg.train.subset.seed, val_dataloader.dataset.subset.seed)" in split
    no_longer = evaluation_changes(before, Config.fromfile(QUICKSTART).to_dict())
    assert no_longer is not None
    assert "give --evaluate-every and its options" in no_longer
    assert evaluation_changes(Config.fromfile(QUICKSTART).to_dict(), before) is None


def test_a_config_that_a_run_with_it_left_may_be_used_again(tmp_path):
    (tmp_path / "left.py").write_text(changed(*labeled(tmp_path)).pretty_text)
    config = Config.fromfile(tmp_path / "left.py")
    evaluate_while_training(config, training_arguments(QUICKSTART, *labeled(tmp_path), "--evaluate-every", "5"))
    assert config.train_cfg.val_interval == 5
