"""A checkpoint between the regular ones: when the job is about to be taken away, and every so many minutes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import distributed

from slotcon_mm.atomic_files import write_atomically
from slotcon_mm.checks import PreemptedError, expect_positive
from slotcon_mm.registry import HOOKS

__all__ = ["INTERIM", "InterimCheckpointHook", "signals_noted"]

INTERIM = "interim.pth"
USUAL_TIMEOUT = 600  # seconds
SIGNALS = ("SIGTERM", "SIGUSR1")
received: list[str] = []  # names of signals that came


@contextmanager
def signals_noted() -> Iterator[None]:
    """In this block, the signals that announce the end of a job are noted for ``InterimCheckpointHook``."""
    handlers: dict[int, Any] = {}
    received.clear()
    if threading.current_thread() is threading.main_thread():  # elsewhere Python refuses handlers
        for number in (getattr(signal, name) for name in SIGNALS if hasattr(signal, name)):
            # nothing but a note: a signal may come in the middle of anything
            handlers[number] = signal.signal(number, lambda number, frame: received.append(signal.Signals(number).name))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@HOOKS.register_module()
class InterimCheckpointHook(Hook):
    """Writes ``interim.pth`` after the step at which SIGTERM or SIGUSR1 came, and ends the run; or by the clock.

    Slurm sends a signal before it takes a job away (``--signal=USR1@120``), cloud machines SIGTERM. All processes stop
    after the same step: they compare notes on the hosts, without a wait for a device. ``--resume`` continues from that
    step exactly. The next regular checkpoint is resumed in its place once it is written.

    Args:
        minutes: Also writes one whenever so many minutes have passed since the last one; None: by signals only.
    """

    priority = "VERY_LOW"

    def __init__(self, minutes: float | None = None) -> None:
        if minutes is not None:
            expect_positive(minutes=minutes)
        self.minutes = minutes

    def before_train(self, runner: Runner) -> None:
        self.last = time.monotonic()
        self.group = None
        if get_world_size() > 1:
            # processes wait for each other no longer than in the job's other collectives
            seconds = (runner.cfg.get("env_cfg") or {}).get("dist_cfg", {}).get("timeout", USUAL_TIMEOUT)
            self.group = distributed.new_group(backend="gloo", timeout=timedelta(seconds=seconds))

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        due = self.minutes is not None and time.monotonic() - self.last >= 60 * self.minutes
        preempted, due = self.on_any_process(bool(received), due)
        if preempted or due:
            self.save(runner)
        if preempted:
            name = received[0] if received else "a signal to another process"
            path = os.path.join(runner.work_dir, INTERIM)
            raise PreemptedError(
                f"{name} came: the state after step {runner.iter + 1} is saved in {path}; --resume continues from it"
            )

    def on_any_process(self, *flags: bool) -> list[bool]:
        if self.group is None:
            return list(flags)
        found = torch.tensor(flags, dtype=torch.uint8)
        distributed.all_reduce(found, op=distributed.ReduceOp.MAX, group=self.group)
        return found.bool().tolist()

    def save(self, runner: Runner) -> None:
        runner.logger.info(f"Saving {INTERIM} after step {runner.iter + 1}")
        meta = dict(epoch=runner.epoch, iter=runner.iter + 1)
        runner.save_checkpoint(runner.work_dir, INTERIM, meta=meta, by_epoch=False, backend_args=dict(backend="atomic"))
        if is_main_process():
            path = os.path.join(runner.work_dir, INTERIM)
            write_atomically(os.path.join(runner.work_dir, "last_checkpoint"), path.encode())
        if self.group is not None:
            # a launcher ends all processes as soon as one is gone, also one that is still writing
            distributed.barrier(group=self.group)
        self.last = time.monotonic()
