"""Images a second, and memory where MMEngine does not log it."""

from __future__ import annotations

import sys
import time
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner

from slotcon_mm.checkpoints.run_facts import batch_size_of
from slotcon_mm.registry import HOOKS

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

__all__ = ["ThroughputHook"]


@HOOKS.register_module()
class ThroughputHook(Hook):
    """Logs ``images_per_second`` over all processes, and on a CPU ``memory``, this process's peak in MB.

    MMEngine logs a device's memory by itself; Windows does not tell the peak. An image is one of the dataset, that is,
    two views.
    """

    priority = "VERY_HIGH"

    def before_train_epoch(self, runner: Runner) -> None:
        self.last = time.perf_counter()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        now = time.perf_counter()
        images = batch_size_of(runner.train_dataloader) * get_world_size()
        runner.message_hub.update_scalar("train/images_per_second", images / (now - self.last))
        self.last = now
        if resource is not None and not torch.cuda.is_available():
            runner.message_hub.update_scalar("train/memory", peak_memory_mb())


def peak_memory_mb() -> float:
    """Largest resident size of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
