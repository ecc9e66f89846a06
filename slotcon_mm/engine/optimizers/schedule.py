"""The learning rate of a run: linear warm-up, then half a cosine."""

from __future__ import annotations

import math
from typing import Any

from mmengine.optim import _ParamScheduler

from slotcon_mm.registry import PARAM_SCHEDULERS

__all__ = ["WarmupCosineLR", "continue_at", "expect_warmup_within", "expect_whole_run", "steps_of_run", "warmup_cosine"]


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
        eta_min: Learning rate that the cosine ends at, of the groups with the highest rate; those of lower ones, as of
            a layer-wise decay, end at the same share of theirs. No rate rises to it.
        end: T; the train loop's length by default.
        full_rate_in_warmup: Whether the last iteration of the warm-up, W - 1, has the full rate, and not only the one
            after it, W, at which the cosine begins. (SlotCon's begins so, SlotMIM reaches it within.)
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
        full_rate_in_warmup: bool = False,
    ) -> None:
        total = expect_whole_run(begin, end, by_epoch=by_epoch)
        expect_warmup_within(warmup, total)
        self.warmup, self.full_rate_in_warmup = int(warmup), full_rate_in_warmup
        self.start_factor, self.eta_min = start_factor, eta_min
        super().__init__(optimizer, "lr", begin, total, last_step, by_epoch, verbose)

    @classmethod
    def build_iter_from_epoch(
        cls, *args: Any, warmup: float, end: int, by_epoch: bool = True, epoch_length: int | None = None, **kwargs: Any
    ) -> WarmupCosineLR:
        """``warmup`` and ``end`` in epochs; MMEngine calls it for ``convert_to_iter_based=True``."""
        total = steps_of_run(end, epoch_length, by_epoch=by_epoch)
        return cls(*args, warmup=int(warmup * (total // end)), end=total, by_epoch=False, **kwargs)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes the place in the run only: resumed with another ``max_epochs``, a run follows its new length."""
        continue_at(self, state_dict["_global_step"])

    def _get_value(self) -> list[float]:
        # MMEngine's copy of the optimizer's settings, for the log: no group of parameters
        aside = getattr(self.optimizer, "base_param_settings", None)
        groups = zip(self.optimizer.param_groups, self.base_values, strict=True)
        highest = max(base for group, base in groups if group is not aside)
        end_of_highest = min(self.eta_min, highest)
        return [
            warmup_cosine(
                self.last_step, base, self.warmup, self.end, self.start_factor,
                end_of_highest * base / highest if highest else 0.0, self.full_rate_in_warmup,
            )
            for base in self.base_values
        ]  # fmt: skip


def expect_whole_run(begin: int, end: int | None, *, by_epoch: bool) -> int:
    """``end`` of a schedule that moves every step of a run; ValueError for another one."""
    if by_epoch:
        raise ValueError("expected convert_to_iter_based=True with by_epoch=True: this schedule moves every step")
    if begin != 0 or end is None:
        raise ValueError(f"expected a schedule from the run's begin to its end, got {begin} to {end}")
    return end


def steps_of_run(epochs: int, epoch_length: int | None, *, by_epoch: bool) -> int:
    """What ``convert_to_iter_based=True`` makes of epochs."""
    if not by_epoch or not epoch_length:
        raise ValueError("expected by_epoch=True and a loader of known length with convert_to_iter_based=True")
    return epochs * epoch_length


def continue_at(schedule: _ParamScheduler, step: int) -> None:
    """Puts a schedule at the place of a run that is resumed, and its values into the optimizer's groups."""
    schedule._global_step = step
    schedule.last_step = min(step, schedule.end - 1)
    schedule._last_value = schedule._get_value()
    for group, value in zip(schedule.optimizer.param_groups, schedule._last_value, strict=True):
        group[schedule.param_name] = value


def expect_warmup_within(warmup: float, length: float, place: str = "param_scheduler") -> None:
    """ValueError unless the warm-up is shorter than the run; both in epochs, or both in iterations.

    Args:
        warmup: Of the schedule.
        length: Of the run.
        place: The schedule's key in the config.
    """
    if not 0 <= warmup < length:
        raise ValueError(
            f"expected a warm-up shorter than the run of {length}, got {warmup}: lower it by --cfg-options "
            f"{place}.warmup=EPOCHS, or raise train_cfg.max_epochs"
        )


def warmup_cosine(
    step: int,
    lr: float,
    warmup: int,
    total: int,
    start_factor: float,
    eta_min: float,
    full_rate_in_warmup: bool = False,
) -> float:
    """lr (f + (1 - f) t / W) for t <= W, then eta_min + (lr - eta_min)(1 + cos(pi (t - W) / (T - W))) / 2.

    With ``full_rate_in_warmup``, lr (f + (1 - f) t / (W - 1)) for t < W, where W = 1 gives lr f; then the same cosine.
    """
    rise = warmup - 1 if full_rate_in_warmup else warmup  # steps from the first rate to the full one
    if step > rise:
        return eta_min + (lr - eta_min) * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2
    if rise == 0:
        return lr * start_factor if warmup else lr
    return lr * (start_factor + (1 - start_factor) * step / rise)
