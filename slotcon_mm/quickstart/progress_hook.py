"""What quickstart needs of a run besides its result: progress, every step's losses, the untrained groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from tqdm import tqdm

from slotcon_mm.visualization.curves import Curves

__all__ = ["ProgressHook"]

CURVES = ("loss_group", "loss_slot", "prototype_perplexity")


class ProgressHook(Hook):
    """A progress bar with the time left; the scalars of every step are collected.

    Args:
        before: Called with the initialized model before the first step.
    """

    priority = "LOW"

    def __init__(self, before: Callable[[Any], None]) -> None:
        self.before = before
        self.values: dict[str, list[float]] = {name: [] for name in CURVES}

    def before_train(self, runner: Runner) -> None:
        self.before(runner.model)
        self.bar = tqdm(total=runner.max_iters, desc="pretraining", unit="step", dynamic_ncols=True)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        for name in CURVES:
            self.values[name].append(float((outputs or {})[name].detach()))
        self.bar.set_postfix_str(f"loss {float((outputs or {})['loss'].detach()):.2f}", refresh=False)
        self.bar.update()

    def after_train(self, runner: Runner) -> None:
        self.bar.close()

    def curves(self) -> Curves:
        """Of every step."""
        return {name: (range(1, len(values) + 1), values) for name, values in self.values.items()}
