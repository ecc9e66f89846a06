"""Fine-tuning runs of two steps, from the configs of detection and segmentation, shrunk for a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import layouts
from mmengine.config import Config
from runs import numbers, training_arguments

from slotcon_mm.launch.runner import build_runner
from slotcon_mm.launch.start_checks import check_start
from slotcon_mm.launch.training import prepare_training

__all__ = ["shrink", "train_two_steps", "write_data"]

DATA = {
    "coco": ("data/coco", layouts.write_coco),
    "voc": ("data/VOCdevkit", layouts.write_voc),
    "cityscapes": ("data/cityscapes", layouts.write_cityscapes),
    "ade20k": ("data/ade/ADEChallengeData2016", layouts.write_ade20k),
}


def write_data(config: Path, folder: Path) -> None:
    """Of the data set that the config's name says, where the config looks for it from ``folder``."""
    root, write = DATA[next(name for name in DATA if name in config.stem.replace("voc0712", "voc"))]
    write(folder / root)


def nodes(node: Any) -> Iterator[dict]:
    """Every dict of a config."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list | tuple) else ():
        yield from nodes(child)


def shrink(config: Config, side: int = 65) -> None:
    """Sizes and lengths for a test, crops of ``side`` pixels; structure, data layout and pipeline stay."""
    for step in nodes([config.train_dataloader, config.val_dataloader, config.test_dataloader]):
        if "scale" in step and step.get("type") in ("Resize", "RandomResize"):
            step["scale"] = (96, 64)
        elif "scales" in step:
            step["scales"] = [(96, 64)]
        elif step.get("type") == "RandomCrop":
            step["crop_size"] = (side, side)
        if "num_workers" in step:
            step.update(num_workers=0, persistent_workers=False)
            step.pop("timeout", None)
    config.train_dataloader.batch_size = 2
    preprocessor = config.model.data_preprocessor
    if "size" in preprocessor:
        preprocessor.size = (side, side)
    if "pad_size_divisor" in preprocessor:
        preprocessor.pad_size_divisor = min(preprocessor.pad_size_divisor, side)
    if "max_iters" in config.train_cfg:
        config.train_cfg.update(max_iters=2, val_interval=3)  # the test is the same, once
    else:
        config.train_cfg.update(max_epochs=1, val_interval=2)
    if "rcnn" in config.model.test_cfg:
        config.model.test_cfg.rcnn.score_thr = 0  # after two steps all scores are low
    for part in nodes([config.model.get("train_cfg"), config.model.test_cfg]):
        if "nms_pre" in part:  # proposals, each of which a C4 head puts through a stage of the ResNet
            part.update(nms_pre=64, max_per_img=32)
        if part.get("type") == "RandomSampler" and part["num"] == 512:
            part["num"] = 32
    config.default_hooks.logger.interval = 1
    config.visualizer.vis_backends = []


def train_two_steps(path: Path, pretraining: Path, side: int = 65) -> Any:
    """As tools/train.py does, in the work dir ``work``; the runner."""
    args = training_arguments(path, "--work-dir", "work", "--pretrained", str(pretraining))
    start = prepare_training(args)
    shrink(start.config, side)
    start.config.experiment_name = f"transfer-{next(numbers)}"  # two runs of one second are told apart
    runner = build_runner(start.config, start.notes)
    check_start(runner, start.weights)
    runner.train()
    return runner
