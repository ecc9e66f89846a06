"""``--evaluate-every``: a pretraining is measured on labeled images while it runs, and its best state kept."""

from __future__ import annotations

import argparse
from typing import Any

from mmengine.config import Config

from slotcon_mm.launch.evaluation_data import add_data_arguments, dataset_configs, read_preset

__all__ = ["add_evaluation_arguments", "evaluate_while_training"]

LOOP = "slotcon_mm.FrozenFeatureLoop"
MOST_IMAGES = 500  # of each part: a minute or so on a CPU, seconds on a GPU
BEST = "knn_mIoU"


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
        if strange := [name for name in ("labels", "evaluation_data") if getattr(args, name)]:
            raise ValueError(f"expected --evaluate-every N with --{strange[0].replace('_', '-')}, got none")
        return []
    if args.evaluate_every < 1:
        raise ValueError(f"expected --evaluate-every of 1 epoch or more, got {args.evaluate_every}")
    if config.get("val_cfg") and config.val_cfg.get("type") != LOOP:
        raise ValueError(f"expected a config without a validation for --evaluate-every, got {config.val_cfg}")
    most, size = args.most_images or MOST_IMAGES, None
    if args.evaluation_data:
        preset = read_preset(args.evaluation_data)
        train, held_out, size = preset.train, preset.held_out, (preset.get("choices") or {}).get("size")
    else:
        args.images = args.images or training_folder(config)
        train, held_out = dataset_configs(args)
    workers = config.train_dataloader.get("num_workers", 0)
    config.val_dataloader = dict(
        batch_size=16, num_workers=workers, sampler=dict(type="DefaultSampler", shuffle=False), dataset=held_out
    )
    config.val_cfg = dict(type=LOOP, train=train, most_images=most, size=size)
    config.val_evaluator = []
    config.train_cfg.val_interval = args.evaluate_every
    config.default_hooks.checkpoint.update(save_best=BEST, rule="greater")
    return [f"every {args.evaluate_every} epochs: dense k-NN and linear probe on labeled images; the best is kept"]


def training_folder(config: Config) -> str:
    """Where the training images are, if that is one folder."""
    dataset: Any = config.train_dataloader.dataset
    folders = dataset.get("folders") or [""]
    if len(folders) != 1 or dataset.get("ann_file"):
        raise ValueError("expected --images FOLDER with --evaluate-every: the training images are not one folder")
    return f"{dataset.data_root}/{folders[0]}".rstrip("/")
