"""From the command line to the config that is run."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mmengine.config import Config

from slotcon_mm.config_nodes import short_type
from slotcon_mm.launch.auto_keys import expect_auto_where_known
from slotcon_mm.launch.data_configs import expect_data_only
from slotcon_mm.launch.machine.device import select_device
from slotcon_mm.launch.machine.launchers import prepare_process
from slotcon_mm.launch.overrides import expect_known_arguments, merge_overrides
from slotcon_mm.requirements import require
from slotcon_mm.text_files import expect_unmarked

__all__ = ["HOSTS", "LOADERS", "is_pretraining", "prepare"]

ALGORITHMS = ("SlotCon", "SlotMIM")
HOSTS = ("mmdet", "mmseg")
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


def prepare(args: argparse.Namespace) -> tuple[Config, list[str]]:
    """The config to run, and lines for the log."""
    select_device(args.device, gpu=prepare_process(args.launcher, args.local_rank))
    config = read_config(args.config)
    notes = merge_overrides(config, args.cfg_options)
    if not config.get("model"):
        raise ValueError(
            f"expected a config with a model, got {args.config}, which has none (configs/evaluation is data for "
            "evaluate.py --data)"
        )
    expect_known_arguments(config)
    expect_auto_where_known(config, is_pretraining=is_pretraining(config))
    scope = config.get("default_scope")
    if scope in HOSTS:
        require(scope, "mmcv._ext", purpose=f"{args.config}")
    for name in LOADERS:
        loader = config.get(name)
        if loader and loader.get("num_workers") == 0:
            loader.persistent_workers = False  # torch refuses it without workers
    config.launcher = args.launcher
    if args.work_dir:
        config.work_dir = args.work_dir
    elif not config.get("work_dir"):
        config.work_dir = os.path.join("work_dirs", Path(args.config).stem)
    return config, notes


def read_config(path: str) -> Config:
    """ImportError with the command that installs it where a config inherits from a package that is absent."""
    if not path.endswith((".yaml", ".yml")):  # whose reader knows marks
        expect_unmarked(path, "MMEngine")
    expect_data_only(path)
    try:
        return Config.fromfile(path)
    except ImportError as error:
        for package in HOSTS:
            if package in str(error):
                require(package, "mmcv._ext", purpose=path)
        raise


def is_pretraining(config: Config) -> bool:
    """Whether a config's model is one of this package's algorithms, rather than a downstream model."""
    return short_type(config.model) in ALGORITHMS
