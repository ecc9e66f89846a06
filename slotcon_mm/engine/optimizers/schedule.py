"""The learning rate of a run: linear warm-up, then half a cosine."""

from __future__ import annotations

import math
from typing import Any

from mmengine.optim import _ParamScheduler

from slotcon_mm.registry import PARAM_SCHEDULERS

__all__ = ["WarmupCosineLR", "expect_warmup_within", "warmup_cosine"]


@PARAM_SCHEDULERS.register_module()
class WarmupCosineLR(_ParamScheduler):
    """``warmup_cosine`` over a run, moved every iteration.

    In MMEngine's own parts it is LinearLR(begin=0, end=W+1) followed by CosineAnnealingLR(begin=W, end=T), W and T in
    iterations; their conversion from epochs is off by one step, and five numbers would have to follow ``max_epochs``.
    Here the run's length is the train loop's, and only the warm-up is a number of the config's.

    Args:
        optimizer: The runner's optimizer wrapper.
        warmup: W, in epochs with ``by_epoch=True`` and ``convert_to_iter_based=True``, else in iterations.
        start_factor: Share of the learning rate at iteration 0.
        eta_min: Learning rate that the cosine ends at.
        end: T; the train loop's length by default.
    """

    def __init__(
        self,
        optimizer: Any,
        warmup: float,
        start_factor: float = 0.01,
        eta_min: float = 1e-6,
        end: int | None = None,
        begin: int = 0,
        last_step: int = -1,
        by_epoch: bool = False,
        verbose: bool = False,
    ) -> None:
        if by_epoch:
            raise ValueError("expected convert_to_iter_based=True with by_epoch=True: this schedule moves every step")
        if begin != 0 or end is None:
            raise ValueError(f"expected a schedule from the run's begin to its end, got {begin} to {end}")
        expect_warmup_within(warmup, end)
        self.warmup, self.total = int(warmup), end
        self.start_factor, self.eta_min = start_factor, eta_min
        super().__init__(optimizer, "lr", begin, end, last_step, by_epoch, verbose)

    @classmethod
    def build_iter_from_epoch(
        cls, *args: Any, warmup: float, end: int, by_epoch: bool = True, epoch_length: int | None = None, **kwargs: Any
    ) -> WarmupCosineLR:
        """``warmup`` and ``end`` in epochs; MMEngine calls it for ``convert_to_iter_based=True``."""
        if not by_epoch or not epoch_length:
            raise ValueError("expected by_epoch=True and a loader of known length with convert_to_iter_based=True")
        return cls(*args, warmup=int(warmup * epoch_length), end=end * epoch_length, by_epoch=False, **kwargs)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes the place in the run only: resumed with another ``max_epochs``, a run follows its new length."""
        self._global_step = state_dict["_global_step"]
        self.last_step = min(self._global_step, self.total - 1)
        self._last_value = self._get_value()
        for group, value in zip(self.optimizer.param_groups, self._last_value, strict=True):
            group["lr"] = value

    def _get_value(self) -> list[float]:
        return [
            warmup_cosine(self.last_step, base, self.warmup, self.total, self.start_factor, self.eta_min)
            for base in self.base_values
        ]


def expect_warmup_within(warmup: float, length: float) -> None:
    """ValueError unless the warm-up is shorter than the run; both in epochs, or both in iterations."""
    if not 0 <= warmup < length:
        raise ValueError(
            f"expected a warm-up shorter than the run of {length}, got {warmup}: lower it by --cfg-options "
            "param_scheduler.warmup=EPOCHS, or raise train_cfg.max_epochs"
        )


def warmup_cosine(step: int, lr: float, warmup: int, total: int, start_factor: float, eta_min: float) -> float:
    """lr (f + (1 - f) t / W) for t <= W, then eta_min + (lr - eta_min)(1 + cos(pi (t - W) / (T - W))) / 2."""
    if step <= warmup:
        return lr * (start_factor + (1 - start_factor) * step / warmup) if warmup else lr
    return eta_min + (lr - eta_min) * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2
