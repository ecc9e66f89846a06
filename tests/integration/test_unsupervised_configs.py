"""Unsupervised segmentation, run as tools/test.py runs it, on tiny data of the real layouts."""

from __future__ import annotations

import argparse
from pathlib import Path

import layouts
import pytest
import torch
from mmengine.config import Config
from runs import training_arguments

from slotcon_mm.datasets.scenes import write_scenes
from slotcon_mm.launch.configs import prepare
from slotcon_mm.launch.runner import build_runner
from slotcon_mm.launch.start_checks import check_start, check_test
from slotcon_mm.launch.training import prepare_training
from slotcon_mm.registry import MODELS

CONFIGS = Path(__file__).parents[2] / "configs/unsupervised_segmentation"
SCORED = sorted(path for path in CONFIGS.glob("*.py") if "watched" not in path.stem)


def shrink(config: Config) -> None:
    """Widths and sizes for a test."""
    if config.model.type == "slotcon_mm.SlotMIM":
        channels = 16
        arch = dict(embed_dims=channels, num_layers=2, num_heads=2, feedforward_channels=24)
        config.model.backbone.update(arch=arch, img_size=96)
    else:
        config.model.backbone.depth = 18
        channels = 8 * config.model.backbone.get("base_channels", 64)
    if config.model.type != "slotcon_mm.LinearProbe":
        config.model.neck.update(in_channels=channels, hidden_channels=16, out_channels=12)
        config.model.slot_head.hidden_channels = 16
    else:
        config.model.in_channels = channels
    for loader in (config.train_dataloader, config.test_dataloader, config.get("val_dataloader") or {}):
        if not loader:
            continue
        loader.update(num_workers=0, persistent_workers=False)
        loader.pop("timeout", None)
        for step in loader.dataset.get("dataset", loader.dataset).pipeline:
            if step.type in ("slotcon_mm.ResizeShortSide", "slotcon_mm.CenterCrop", "slotcon_mm.PairedViews"):
                step.size = 96
    config.test_dataloader.dataset.subset = "all"


def arguments(path: Path, tmp_path: Path) -> argparse.Namespace:
    return training_arguments(path, "--work-dir", str(tmp_path / "work"))


@pytest.fixture
def data(tmp_path, monkeypatch) -> None:
    layouts.write_coco_stuff(tmp_path / "data/coco")
    layouts.write_cityscapes(tmp_path / "data/cityscapes")
    write_scenes(tmp_path / "data/scenes", num_train=2, num_val=3, width=96, height=96, workers=1)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("path", SCORED, ids=lambda path: path.stem)
def test_config_scores_a_checkpoint(path, tmp_path):
    config, _ = prepare(arguments(path, tmp_path))
    shrink(config)
    model = MODELS.build({"_scope_": "mmpretrain", **config.model})
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / "c.pth")
    config.load_from = str(tmp_path / "c.pth")
    if config.get("custom_hooks") and config.custom_hooks[0].type == "slotcon_mm.PixelClustersHook":
        config.custom_hooks[0].pixels = 600
    runner = build_runner(config, [])
    check_test(runner)
    metrics = runner.test()
    assert 0 <= metrics["mIoU"] <= 100
    assert 0 <= metrics["pAcc"] <= 100
    assert {"mIoU_things", "pAcc_things", "mIoU_stuff", "pAcc_stuff"} <= set(metrics)
    log = next((tmp_path / "work").glob("*/*.log")).read_text()
    assert "subset all, scored at 96 x 96" in log


def test_the_default_is_picies_protocol():
    config = Config.fromfile(CONFIGS / "slotcon_r50_coco-stuff27.py")
    steps = {step.type.removeprefix("slotcon_mm."): step for step in config.test_dataloader.dataset.pipeline}
    assert [*steps] == ["LoadImage", "LoadLabels", "ResizeShortSide", "CenterCrop", "PackInputs"]
    assert steps["ResizeShortSide"].size == steps["CenterCrop"].size == 320
    assert config.test_dataloader.dataset.subset == "curated"
    assert config.model.test_cfg.flip is False
    assert config.test_evaluator.clusters == "auto"
    k27 = Config.fromfile(CONFIGS / "slotcon_r50_coco-stuff27_k27.py")
    assert k27.model.neck.num_prototypes == 27


@pytest.mark.usefixtures("data")
def test_a_checkpoint_of_another_model_is_refused_before_the_test(tmp_path):
    config, _ = prepare(arguments(CONFIGS / "slotcon_r50_coco-stuff27.py", tmp_path))
    shrink(config)
    other = MODELS.build({"_scope_": "mmpretrain", **config.model, "neck": {**config.model.neck, "num_prototypes": 9}})
    torch.save(dict(state_dict=other.state_dict()), tmp_path / "c.pth")
    config.load_from = str(tmp_path / "c.pth")
    with pytest.raises(ValueError, match=r"of another shape: .*neck.prototypes \(9, 12\), expected \(256, 12\)"):
        check_test(build_runner(config, []))


@pytest.mark.usefixtures("data")
def test_pretraining_can_be_watched(tmp_path):
    args = arguments(CONFIGS / "slotcon_r50_coco_watched.py", tmp_path)
    start = prepare_training(args)
    shrink(start.config)
    start.config.train_dataloader.batch_size = 2
    start.config.train_cfg.update(max_epochs=2, val_interval=1)
    start.config.param_scheduler.warmup = 0.5
    start.config.default_hooks.logger.interval = 1
    runner = build_runner(start.config, start.notes)
    check_start(runner, start.weights)
    runner.train()
    scores = runner.message_hub.get_scalar("val/mIoU")
    assert len(scores.data[0]) == 2
    drawn = sorted(path.name for path in (tmp_path / "work").glob("*/vis_data/vis_image/*"))
    assert drawn == ["groups_0.png", "groups_2.png"]


@pytest.mark.usefixtures("data")
def test_the_linear_probe_is_trained_from_a_pretraining_and_scored(tmp_path):
    pretraining, _ = prepare(arguments(CONFIGS / "slotcon_r50_coco-stuff27.py", tmp_path))
    shrink(pretraining)
    model = MODELS.build({"_scope_": "mmpretrain", **pretraining.model})
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / "epoch_1.pth")
    args = arguments(CONFIGS / "linear_r50_coco-stuff27.py", tmp_path)
    args.pretrained = str(tmp_path / "epoch_1.pth")
    start = prepare_training(args)
    shrink(start.config)
    start.config.train_dataloader.batch_size = 5
    start.config.train_cfg.max_epochs = 30
    start.config.optim_wrapper.optimizer.lr = 0.5
    runner = build_runner(start.config, start.notes)
    check_start(runner, start.weights)
    runner.train()
    log = next((tmp_path / "work").glob("*/*.log")).read_text()
    assert "120 of 120 backbone tensors filled" in log
    # sky around a person, which covers 55 % of the squares: more than the commoner class alone gives
    assert runner.test()["pAcc"] > 60
