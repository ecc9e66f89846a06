"""From a config and the command line to a runner: pretraining, mmdet and mmseg configs alike, on a GPU or a CPU."""

from __future__ import annotations

import argparse
import errno
import os
import re
from pathlib import Path
from typing import IO, Any, NamedTuple

from mmengine.config import Config, DictAction
from mmengine.dist import get_world_size
from mmengine.registry import RUNNERS
from mmengine.runner import EpochBasedTrainLoop, Runner

from slotcon_mm.checks import RunStoppedError
from slotcon_mm.checkpoints.latest import latest_checkpoint, resolve_checkpoint
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local, state_dict_of
from slotcon_mm.launch.compile_networks import compile_networks
from slotcon_mm.launch.cpu_fallbacks import adapt_to_cpu
from slotcon_mm.launch.data_configs import expect_data_only
from slotcon_mm.launch.device import has_accelerator, select_device
from slotcon_mm.launch.kept_memory import keep_freed_memory
from slotcon_mm.launch.overrides import merge_overrides
from slotcon_mm.launch.pretrained import (
    Filling,
    check_fit,
    describe_start,
    fitting_names,
    is_pretraining,
    use_pretrained,
)
from slotcon_mm.engine.hooks.rank_agreement_hook import expect_same_on_all_ranks
from slotcon_mm.launch.resumable import make_resumable
from slotcon_mm.checkpoints.run_facts import FACTS, batch_size_of, check_facts, facts_of
from slotcon_mm.engine.optimizers.schedule import expect_warmup_within
from slotcon_mm.launch.tolerant_log import say_once_when_log_files_fail
from slotcon_mm.engine.model_of import unwrapped
from slotcon_mm.engine.hooks.verify_filling_hook import VerifyFillingHook
from slotcon_mm.launch.work_dir_lock import lock_work_dir
from slotcon_mm.launch.worker_memory import objects_shared_with_workers
from slotcon_mm.requirements import require

__all__ = [
    "Start",
    "add_common_arguments",
    "build_runner",
    "check_start",
    "check_test",
    "lock_for_training",
    "prepare",
    "prepare_training",
    "train",
]

HOSTS = ("mmdet", "mmseg")
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


class Start(NamedTuple):
    """What training starts from: the config, lines for the log, and what a downstream backbone is filled with."""

    config: Config
    notes: list[str]
    filling: Filling | None = None


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """What train.py and test.py share."""
    parser.add_argument("config", help="config file")
    parser.add_argument("--work-dir", help="folder for logs and checkpoints (default: work_dirs/CONFIG)")
    parser.add_argument("--cfg-options", nargs="+", action=DictAction, help="overrides of the config, key=value ...")
    parser.add_argument("--launcher", choices=["none", "pytorch", "slurm", "mpi"], default="none", help="job launcher")
    parser.add_argument("--device", choices=["cpu"], help="cpu: do not use the GPU")
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0, help=argparse.SUPPRESS)


def prepare(args: argparse.Namespace) -> Config:
    """The config to run."""
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    select_device(args.device)
    config = read_config(args.config)
    merge_overrides(config, args.cfg_options)
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
    return config


def read_config(path: str) -> Config:
    """ImportError with the command that installs it where a config inherits from a package that is absent."""
    expect_data_only(path)
    try:
        return Config.fromfile(path)
    except ImportError as error:
        for package in HOSTS:
            if package in str(error):
                require(package, "mmcv._ext", purpose=path)
        raise


def prepare_training(args: argparse.Namespace) -> Start:
    """As ``prepare``, with the options of train.py."""
    config = prepare(args)
    if args.amp:
        turn_on_amp(config)
    if args.auto_scale_lr:
        turn_on_lr_scaling(config)
    notes: list[str | None] = []
    if args.resume:
        notes.append(set_resume(config, args.resume))
        if config.resume:
            meta = load_from_safe_local(config.load_from, "cpu").get("meta", {})
            notes.append(set_seed(config, meta.get("seed")))
            notes += make_resumable(config, resumed_iteration=meta.get("iter", 0))
            return Start(config, [*filter(None, notes)])
    notes += make_resumable(config)
    filling = None
    if args.pretrained:
        note, filling = use_pretrained(config, args.pretrained, args.pretrained_source)
        notes.append(note)
    elif args.pretrained_source:
        raise ValueError("expected --pretrained CKPT_OR_WORKDIR with --pretrained-source, got none")
    else:
        notes.append(describe_start(config))
    return Start(config, [*filter(None, notes)], filling)


def turn_on_amp(config: Config) -> None:
    if not has_accelerator():
        raise ValueError("expected a GPU for --amp, got none that torch can use: leave --amp out to train in fp32")
    config.optim_wrapper.type = "AmpOptimWrapper"
    config.optim_wrapper.setdefault("loss_scale", "dynamic")


def turn_on_lr_scaling(config: Config) -> None:
    if not config.get("auto_scale_lr", {}).get("base_batch_size"):
        raise ValueError("expected auto_scale_lr.base_batch_size in the config for --auto-scale-lr, got none")
    config.auto_scale_lr.enable = True


def set_resume(config: Config, resume: str) -> str:
    """``latest`` (a bare --resume) and a path must find a checkpoint; ``auto`` starts afresh where there is none."""
    if resume not in ("latest", "auto"):
        found: Path | None = resolve_checkpoint(resume, "--resume")
    else:
        found = latest_checkpoint(config.work_dir)
    if found is None and resume == "latest":
        raise FileNotFoundError(
            f"expected a checkpoint to resume in {config.work_dir}, got none: mend --work-dir, leave --resume out, or "
            "use --resume auto, which starts afresh where there is nothing to resume"
        )
    config.resume = found is not None
    config.load_from = str(found) if found else None
    return f"--resume: continuing {found}" if found else "--resume auto: nothing to resume, starting afresh"


def set_seed(config: Config, seed: int | None) -> str | None:
    """The resumed run's, before any sampler is built: MMEngine puts it back too late for one that was drawn."""
    randomness = config.get("randomness") or {}
    given = randomness.get("seed")
    if seed is None:
        return None
    config.randomness = {**randomness, "seed": seed}
    return f"--resume: the seed stays {seed}; {given} is left out" if given not in (None, seed) else None


def lock_for_training(config: Config) -> IO[str] | None:
    """Keeps other trainings out of the work dir; the job's first process does."""
    rank = os.environ.get("RANK") or os.environ.get("SLURM_PROCID") or os.environ.get("OMPI_COMM_WORLD_RANK") or "0"
    return lock_work_dir(config.work_dir) if rank == "0" or config.launcher == "none" else None


def build_runner(config: Config, notes: list[str]) -> Runner:
    """A runner for this machine; ``notes`` and what the CPU needs are logged, a line each."""
    if not has_accelerator():
        notes = notes + adapt_to_cpu(config)
    runner = RUNNERS.build(config) if config.get("runner_type") else Runner.from_cfg(config)
    say_once_when_log_files_fail(runner.logger)
    if is_pretraining(config):
        notes = notes + compile_networks(unwrapped(runner.model), config.get("compile"))
        runner.cfg.compile = False  # MMEngine would compile the whole step, and each step anew
    for note in notes:
        runner.logger.info(note)
    return runner


def check_start(runner: Runner, filling: Filling | None = None) -> None:
    """ValueError for what would pass unseen or fail late: too few pictures, a long warm-up, another model's weights."""
    model = unwrapped(runner.model)
    if filling:
        filling.check(model)
        runner.register_hook(VerifyFillingHook(filling))
    loader: Any = runner.train_loop.dataloader
    if len(loader) == 0:
        raise ValueError(
            f"expected at least a batch of pictures, {batch_size_of(loader)} on each of {get_world_size()} processes, "
            f"got {len(loader.dataset)}: lower train_dataloader.batch_size or add pictures"
        )
    if is_pretraining(runner.cfg) and not isinstance(runner.train_loop, EpochBasedTrainLoop):
        raise ValueError(
            "expected train_cfg.by_epoch=True for pretraining, whose draws depend on the epoch, got iterations"
        )
    scheduler = runner.cfg.get("param_scheduler")
    if isinstance(scheduler, dict) and scheduler.get("type") == "slotcon_mm.WarmupCosineLR":
        expect_warmup_within(scheduler["warmup"], runner.max_epochs)
    resume, path = bool(runner.cfg.get("resume")), runner.cfg.get("load_from")
    expect_same_on_all_ranks("checkpoint to start from", f"{path} (resume: {resume})")
    if not path or not os.path.isfile(path):
        return
    checkpoint = load_from_safe_local(path, "cpu")
    if resume:
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        for note in check_facts(checkpoint.get("meta", {}).get(FACTS), facts_of(runner), by_epoch=by_epoch):
            runner.logger.warning(note)
    weights, wanted = state_dict_of(checkpoint), model.state_dict()
    if resume or is_pretraining(runner.cfg):
        check_fit(wanted, weights, every=resume)
    elif not fitting_names(wanted, weights):  # heads of other classes may differ on purpose
        raise ValueError(f"expected weights of this model in load_from, got {path}, of which no tensor fits")


def train(runner: Runner) -> None:
    """Trains to the end.

    Raises:
        RunStoppedError: A worker process of the loader died or sent nothing for too long, or the disk is full.
    """
    if is_pretraining(runner.cfg) and not has_accelerator():
        keep_freed_memory()
    try:
        with objects_shared_with_workers():
            runner.train()
    except (RuntimeError, OSError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RunStoppedError(
                f"expected room in {runner.work_dir}, got {error.strerror}: make some, then --resume"
            ) from error
        lost = isinstance(error, ConnectionError) or re.search("DataLoader (worker|timed out)", str(error))
        if isinstance(error, RunStoppedError) or not lost:
            raise
        raise RunStoppedError(
            f"expected batches from the loader's workers, got {str(error).strip().splitlines()[-1]} (out of memory or "
            "of space in /dev/shm? stalled storage?). If it comes back, lower train_dataloader.num_workers; --resume "
            "goes on"
        ) from error


def check_test(runner: Runner) -> None:
    """ValueError unless the checkpoint fills the whole model: MMEngine leaves at random what it lacks."""
    model = unwrapped(runner.model)
    check_fit(model.state_dict(), state_dict_of(load_from_safe_local(runner.cfg.load_from, "cpu")), every=True)
