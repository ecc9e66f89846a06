"""``--evaluate-every``: a pretraining is measured on labeled images while it runs, and its best state kept."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from slotcon_mm.checkpoints.config_changes import leaves
from slotcon_mm.checks import listing
from slotcon_mm.config_nodes import short_type
from slotcon_mm.launch.evaluation_data import (
    add_data_arguments,
    data_options,
    dataset_configs,
    expect_no_data_options,
    read_preset,
)
from slotcon_mm.launch.resumable import LOADER_WAIT_SECONDS

__all__ = ["LOOP", "LOOP_NAME", "Often", "add_evaluation_arguments", "evaluate_while_training", "evaluation_changes"]

LOOP_NAME = "FrozenFeatureLoop"
LOOP = f"slotcon_mm.{LOOP_NAME}"
MOST_IMAGES = 500  # of each part: a minute or so on a CPU, seconds on a GPU
BEST = "knn_mIoU"
# of loader and datasets, what does not tell another measurement: where files lie, and how they are read
PLACES = ("data_root", "data_prefix", "ann_file", "num_workers", "batch_size", "timeout", "persistent_workers")


class Often(int):
    """In place of the epochs of ``--evaluate-every``: how many evaluations there are to be in the whole run."""


def add_evaluation_arguments(parser: argparse.ArgumentParser) -> None:
    """``--evaluate-every``, and where the labeled images are."""
    group = parser.add_argument_group("evaluation while training", "dense k-NN and a linear probe on labeled images")
    group.add_argument(
        "--evaluate-every",
        type=int,
        metavar="N",
        help="every N epochs: log and draw the scores, and keep the checkpoint with the best k-NN",
    )
    group.add_argument("--evaluation-data", metavar="CONFIG", help="a config of configs/evaluation, in place of these:")
    add_data_arguments(group, images="the training images")


def evaluate_while_training(config: Config, args: argparse.Namespace) -> list[str]:
    """Sets what the options ask for, in place; returns lines for the log.

    Raises:
        ValueError: Options lack each other, or the config has a validation of its own.
    """
    if args.evaluate_every is None:
        if strange := [*data_options(args), *(["--evaluation-data"] if args.evaluation_data else [])]:
            raise ValueError(f"expected --evaluate-every N with {strange[0]}, got none")
        return []
    if args.evaluate_every < 1:
        raise ValueError(f"expected --evaluate-every of 1 epoch or more, got {args.evaluate_every}")
    if config.get("val_cfg") and short_type(config.val_cfg) != LOOP_NAME:
        raise ValueError(f"expected a config without a validation for --evaluate-every, got {config.val_cfg}")
    if not is_by_epochs(config.train_cfg):
        raise ValueError(f"expected a training by epochs for --evaluate-every, got {config.train_cfg}")
    choices: dict[str, Any] = {}
    if args.evaluation_data:
        expect_no_data_options(args, f"--evaluation-data {args.evaluation_data}")
        preset = read_preset(args.evaluation_data)
        train, held_out = preset.train, preset.held_out
        choices = {name: value for name, value in (preset.get("choices") or {}).items() if name in ("size", "pixels")}
    else:
        args.images = args.images or training_folder(config)
        train, held_out = dataset_configs(args)
    workers = config.train_dataloader.get("num_workers", 0)
    config.val_dataloader = dict(
        batch_size=16, num_workers=workers, sampler=dict(type="DefaultSampler", shuffle=False), dataset=held_out,
        timeout=LOADER_WAIT_SECONDS if workers else 0,
    )  # fmt: skip
    most = MOST_IMAGES if args.most_images is None else args.most_images
    config.val_cfg = dict(type=LOOP, train=train, most_images=most, **choices)
    config.val_evaluator = []
    interval = epochs_between(args.evaluate_every, config.train_cfg.max_epochs)
    config.train_cfg.val_interval = interval
    for name, value in (("save_best", BEST), ("rule", "greater")):
        config.default_hooks.checkpoint.setdefault(name, value)  # --cfg-options may have chosen another score
    every = "epoch" if interval == 1 else f"{interval} epochs"
    return [f"every {every}: dense k-NN and linear probe on labeled images; the best is kept"]


def epochs_between(every: int, epochs: int) -> int:
    return max(1, epochs // every) if isinstance(every, Often) else every


def evaluation_changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """A line for the log of a resumed run that is measured otherwise than before, or no longer.

    Args:
        then: The checkpoint's config, as ``read_plain_config`` reads it.
        now: The run's.
    """
    old, new = settings(then), settings(now)
    if not old or old == new:
        return None
    if not new:
        return (
            "--resume: so far the run was evaluated on labeled images; to go on, give --evaluate-every and its options"
        )
    different = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return (
        f"--resume: the evaluation is another one than in the checkpoint ({listing(different, most=5)}): its scores do "
        "not compare with the earlier ones in evaluation.csv, nor with that of the best checkpoint"
    )


def settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """What moves the scores of ``FrozenFeatureLoop``; nothing without it."""
    loop = config.get("val_cfg") or {}
    if short_type(loop) != LOOP_NAME:
        return {}
    held_out = (config.get("val_dataloader") or {}).get("dataset")
    return {**dict(leaves(loop, "val_cfg", PLACES)), **dict(leaves(held_out, "val_dataloader.dataset", PLACES))}


def is_by_epochs(train_cfg: Mapping[str, Any]) -> bool:
    return "Iter" not in str(train_cfg.get("type")) and train_cfg.get("by_epoch", True)


def training_folder(config: Config) -> str:
    """Where the training images are, if that is one folder."""
    dataset: Any = config.train_dataloader.dataset
    folders = dataset.get("folders") or [""]
    folders = [folders] if isinstance(folders, str) else folders
    if len(folders) != 1 or dataset.get("ann_file") or "data_root" not in dataset:
        raise ValueError(
            "expected --images FOLDER with --evaluate-every, got none: the training images are not one folder"
        )
    return str(Path(dataset.data_root) / folders[0])
