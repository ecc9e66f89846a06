"""A training from its options to its end."""

from __future__ import annotations

import argparse
import errno
import os
import re
import time
from pathlib import Path
from traceback import walk_tb
from typing import IO, NamedTuple

from mmengine.config import Config
from mmengine.runner import Runner

from slotcon_mm.checkpoints.filling import GivenWeights
from slotcon_mm.checkpoints.latest import latest_checkpoint, resolve_checkpoint
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local
from slotcon_mm.checks import RunStoppedError, expect_positive
from slotcon_mm.engine.hooks.interim_checkpoint_hook import signals_noted
from slotcon_mm.launch.adaptation import adapt_gently
from slotcon_mm.launch.auto_config import choose_auto, keep_auto, keep_prototypes
from slotcon_mm.launch.configs import is_pretraining, prepare
from slotcon_mm.launch.evaluation_while_training import evaluate_while_training
from slotcon_mm.launch.machine.device import has_accelerator
from slotcon_mm.launch.machine.kept_memory import keep_freed_memory
from slotcon_mm.launch.machine.worker_memory import objects_shared_with_workers
from slotcon_mm.launch.overrides import keys_of
from slotcon_mm.launch.pretrained import describe_start, use_pretrained
from slotcon_mm.launch.resumable import make_resumable
from slotcon_mm.launch.work_dir_lock import lock_work_dir

__all__ = ["Start", "lock_for_training", "prepare_training", "train"]

NEWS_SECONDS = 5.0  # in which the system tells of a process's end


class Start(NamedTuple):
    """What training starts from: the config, lines for the log, and the weights that fill backbones."""

    config: Config
    notes: list[str]
    weights: GivenWeights | None = None


def prepare_training(args: argparse.Namespace) -> Start:
    """As ``prepare``, with the options of train.py."""
    if args.checkpoint_minutes is not None:
        expect_positive(**{"--checkpoint-minutes": args.checkpoint_minutes})
    config, said = prepare(args)
    if args.amp:
        turn_on_amp(config)
    if args.auto_scale_lr:
        turn_on_lr_scaling(config)
    notes: list[str | None] = [*said]
    started: list[str] = []
    weights, iteration = None, 0
    if args.resume:
        notes.append(set_resume(config, args.resume))
    if args.resume and config.resume:
        checkpoint = load_from_safe_local(config.load_from, "meta")  # leaves tensors unread
        if missing := [part for part in ("optimizer", "message_hub") if part not in checkpoint]:
            raise ValueError(
                f"expected a checkpoint of a training for --resume, got {config.load_from}, which holds no "
                f"{missing[0]}: to start from its weights, pass --pretrained {config.load_from}"
            )
        meta = checkpoint.get("meta", {})
        iteration = meta.get("iter", 0)
        notes.append(set_seed(config, meta.get("seed")))
        notes += keep_auto(config, checkpoint, config.load_from, keys_of(args.cfg_options))
    else:
        started, weights = set_start(config, args)
        notes += [*keep_prototypes(config), *choose_auto(config, keys_of(args.cfg_options))]
    notes += [*evaluate_while_training(config, args), *adapt_gently(config)]
    notes += make_resumable(config, resumed_iteration=iteration, minutes=args.checkpoint_minutes)
    return Start(config, [*filter(None, notes), *started], weights)


def set_start(config: Config, args: argparse.Namespace) -> tuple[list[str], GivenWeights | None]:
    """What a run at step 0 begins with, by --pretrained and the options beside it, or by the config."""
    if not args.resume and config.get("resume"):
        raise ValueError(
            f"expected --resume to continue a run, got resume={config.resume!r} in the config, which a resumed run "
            "leaves in its work dir: pass --resume, or --cfg-options resume=False load_from=None to begin anew"
        )
    if args.pretrained:
        return use_pretrained(config, args.pretrained, args.pretrained_source, strict=args.strict_pretrained)
    if args.pretrained_source or args.strict_pretrained:
        option = "--pretrained-source" if args.pretrained_source else "--strict-pretrained"
        raise ValueError(f"expected --pretrained WEIGHTS with {option}, got none")
    return describe_start(config), None


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
            f"expected a checkpoint to resume in {config.work_dir}, got none: correct --work-dir, leave out --resume, "
            "or use --resume auto, which starts afresh if there is nothing to resume"
        )
    config.resume = found is not None
    config.load_from = str(found) if found else None
    return f"--resume: continuing from {found}" if found else "--resume auto: nothing to resume, starting afresh"


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


def train(runner: Runner) -> None:
    """Trains to the end.

    Raises:
        RunStoppedError: A worker process of the loader died or sent nothing for too long, the disk is full, or a signal
            came and the state is saved (PreemptedError).
    """
    if is_pretraining(runner.cfg) and not has_accelerator():
        keep_freed_memory()
    try:
        with signals_noted(), objects_shared_with_workers():
            runner.train()
    except (RuntimeError, OSError, EOFError) as error:
        try:
            if tells_of_a_lost_worker(error) and "DataLoader" not in str(error):
                # a worker that died broke its batch off; torch's handler of SIGCHLD, which knows more, raises wherever
                # this process is once the worker's end is known: it is to be here
                time.sleep(NEWS_SECONDS)
            stopped = stopped_by(error, runner)
        except RuntimeError as told:
            stopped = stopped_by(told, runner)
        if stopped is None:
            raise
        raise stopped from error


def stopped_by(error: Exception, runner: Runner) -> RunStoppedError | None:
    """What to tell the user; None where the error itself tells all."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunStoppedError(
            f"expected free space for {runner.work_dir}, got: {error.strerror}. Make room, then continue with --resume"
        )
    if isinstance(error, RunStoppedError) or not tells_of_a_lost_worker(error):
        return None
    reason = [type(error).__name__, *str(error).strip().splitlines()][-1]
    return RunStoppedError(
        f"expected batches from the loader's workers, got: {reason} (is memory full, or /dev/shm? has the storage "
        "stalled?). Continue with --resume; if it happens again, lower train_dataloader.num_workers"
    )


def tells_of_a_lost_worker(error: Exception) -> bool:
    """Whether torch says so, or a batch broke off while a worker handed it over.

    Not of an error that a worker caught and passed on: it is one of the data or of the code that reads them.
    """
    if re.search(r"DataLoader (worker \(pid|timed out)", str(error)):
        return True
    passed = {Path(frame.f_code.co_filename).parent.name for frame, _ in walk_tb(error.__traceback__)}
    return isinstance(error, ConnectionError | EOFError) or "multiprocessing" in passed
