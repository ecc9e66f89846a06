"""Training runs in the test's process, made as tools/train.py makes them, stopped, resumed and compared."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from slotcon_mm.launch import arguments, training
from slotcon_mm.launch.runner import build_runner
from slotcon_mm.launch.start_checks import check_start

CONFIGS = Path(__file__).parents[1] / "configs"
MEASURED = ("time", "data_time", "images_per_second", "memory")  # scalars that no run repeats

__all__ = [
    "CONFIGS",
    "SMALL_SLOTMIM",
    "InterruptedRunError",
    "build_run",
    "differences",
    "interrupted_at",
    "log_of",
    "pretraining_options",
    "run_state",
    "train",
    "training_arguments",
]

numbers = itertools.count()

# SlotMIM's quickstart, for views of 32 pixels, and without BN, as published
SMALL_SLOTMIM = {
    "model.neck.norm": False,
    "model.slot_head.norm": False,
    "model.backbone.arch": dict(embed_dims=64, num_layers=2, num_heads=1, feedforward_channels=96),
    "model.backbone.img_size": 32,
    "model.backbone.patch_size": 8,
    "model.backbone.drop_path_rate": 0.2,
    "model.neck.in_channels": 64,
    "train_dataloader.dataset.pipeline.1.mask.patch_size": 8,
    "custom_hooks.3.epochs": 1,  # of held prototypes
}


def pretraining_options(data: Path, *, epochs: int = 4, **options: Any) -> dict[str, Any]:
    """The quickstart config, on few small images and with every hook that the COCO config has."""
    return {
        "train_dataloader.dataset.data_root": str(data),
        "train_dataloader.batch_size": 4,
        "train_dataloader.num_workers": 0,
        "train_dataloader.persistent_workers": False,
        "train_dataloader.dataset.pipeline.1.size": 32,
        "train_cfg.max_epochs": epochs,
        "model.neck.num_prototypes": 16,
        "model.neck.hidden_channels": 32,
        "model.slot_head.hidden_channels": 32,
        "default_hooks.logger.interval": 1,
        "default_hooks.checkpoint.interval": 1,
        "default_hooks.checkpoint.max_keep_ckpts": -1,
        **options,
    }


def training_arguments(config: str | Path, *options: str) -> argparse.Namespace:
    """As tools/train.py parses them, on the CPU unless told otherwise."""
    return arguments.training_arguments(str(config), "--device", "cpu", *options)


def build_run(
    config: str | Path,
    work_dir: Path,
    *,
    options: dict[str, Any] | None = None,
    resume: str | None = None,
    launcher: str = "none",
    change: Callable[[Config], None] = lambda config: None,
) -> Runner:
    args = training_arguments(CONFIGS / config, "--work-dir", str(work_dir), "--launcher", launcher)
    args.cfg_options, args.resume = options, resume
    start = training.prepare_training(args)
    change(start.config)
    # MMEngine's default is a time in seconds, which two runs of one second would share with all their scalars
    start.config.experiment_name = f"run-{next(numbers)}"
    runner = build_runner(start.config, start.notes)
    check_start(runner, start.weights)
    return runner


class InterruptedRunError(Exception):
    """In place of a power cut."""


class InterruptHook(Hook):
    def __init__(self, epoch: int | None, iteration: int | None) -> None:
        self.epoch, self.iteration = epoch, iteration

    def before_train_epoch(self, runner: Runner) -> None:
        if runner.epoch == self.epoch:
            raise InterruptedRunError

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        if runner.iter == self.iteration:
            raise InterruptedRunError


def interrupted_at(runner: Runner, *, epoch: int | None = None, iteration: int | None = None) -> None:
    """Trains up to the beginning of that epoch or iteration (counted from 0)."""
    runner.register_hook(InterruptHook(epoch, iteration), priority="VERY_LOW")
    try:
        runner.train()
    except InterruptedRunError:
        return
    raise AssertionError("expected the run to be interrupted, got its end")


def train(runner: Runner) -> Runner:
    training.train(runner)
    return runner


def log_of(work_dir: Path) -> str:
    """All that a work dir's runs logged."""
    return "".join(path.read_text() for path in sorted(work_dir.glob("*/*.log")))


def run_state(checkpoint: Path) -> dict[str, Any]:
    """Everything in a checkpoint that a run's future depends on, and its log's values, by dotted names."""
    loaded = torch.load(checkpoint, weights_only=True)
    windows = loaded["message_hub"]["log_windows"]
    kept = {name: value for name, value in windows.items() if name.partition("/")[2] not in MEASURED}
    assert any(name.startswith("train/loss") for name in kept)
    parts = ("state_dict", "optimizer", "param_schedulers")
    place = {name: loaded["meta"][name] for name in ("epoch", "iter", "seed")}
    return dict(flatten({**{name: loaded[name] for name in parts}, "log": kept, "place": place}))


def flatten(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict) and node:
        for name, value in node.items():
            yield from flatten(value, f"{path}.{name}" if path else str(name))
    elif isinstance(node, list | tuple) and node:
        for i, value in enumerate(node):
            yield from flatten(value, f"{path}.{i}")
    else:
        yield path, node


def differences(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """Names whose values are not the same to the last bit."""
    return sorted(name for name in a.keys() | b.keys() if not same(a.get(name), b.get(name)))


def same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and a.dtype == b.dtype and torch.equal(a, b)
    return type(a) is type(b) and a == b
