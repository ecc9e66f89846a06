"""Scalars of the log wait on the device until a log line wants them."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import LoggerHook, RuntimeInfoHook
from mmengine.runner import Runner
from torch import Tensor

from slotcon_mm.registry import HOOKS

__all__ = ["DeviceScalarsHook"]


@HOOKS.register_module()
class DeviceScalarsHook(RuntimeInfoHook):
    """MMEngine's RuntimeInfoHook without its wait for the device at every scalar of every step.

    The model's scalars are gathered on the device and reach MessageHub together: every value of every step, just
    before the log line, the end of the epoch, or the checkpoint that shows them. In between, MessageHub has those up to
    the last line.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: tuple[str, ...] = ()
        self.pending: list[Tensor] = []  # one (len(names),) float64 tensor for each step

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        self.intervals = [hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)]

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        outputs = outputs or {}
        scalars = {name: value.detach() for name, value in outputs.items() if isinstance(value, Tensor)}
        plain = {name: value for name, value in outputs.items() if name not in scalars}
        super().after_train_iter(runner, batch_idx, data_batch, plain)
        if self.names != tuple(scalars):
            self.flush(runner)
            self.names = tuple(scalars)
        if scalars:
            # float64 holds every value of a smaller type exactly
            self.pending.append(torch.stack([value.double().reshape(()) for value in scalars.values()]))
        line = any(self.every_n_inner_iters(batch_idx, interval) for interval in self.intervals)
        if line or self.end_of_epoch(runner.train_dataloader, batch_idx):
            self.flush(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        self.flush(runner)
        checkpoint["message_hub"] = runner.message_hub.state_dict()  # the runner took it before the flush

    def after_train(self, runner: Runner) -> None:
        self.flush(runner)

    def flush(self, runner: Runner) -> None:
        """Sends to MessageHub what has gathered, by one copy from the device."""
        if not self.pending:
            return
        for values in torch.stack(self.pending).tolist():
            for name, value in zip(self.names, values, strict=True):
                runner.message_hub.update_scalar(f"train/{name}", value)
        self.pending.clear()
