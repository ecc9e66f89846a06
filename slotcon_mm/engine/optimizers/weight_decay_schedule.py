"""The weight decay of a run: half a cosine from its first value to its last."""

from __future__ import annotations

import math
from typing import Any

from mmengine.optim import _ParamScheduler

from slotcon_mm.engine.optimizers.schedule import continue_at, expect_whole_run, steps_of_run
from slotcon_mm.registry import PARAM_SCHEDULERS

__all__ = ["CosineWeightDecay", "half_cosine"]


@PARAM_SCHEDULERS.register_module()
class CosineWeightDecay(_ParamScheduler):
    """``half_cosine`` over a run from the optimizer's ``weight_decay`` to ``final``, moved every iteration.

    Groups whose weight decay is 0 keep it. MMEngine's CosineAnnealingParamScheduler pulls them along with an
    ``eta_min``; with an ``eta_min_ratio`` it does not, but a run that is resumed with another ``max_epochs`` goes on by
    its old length, while the learning rate follows the new one.

    Args:
        optimizer: The runner's optimizer wrapper.
        final: Weight decay at the run's end of all groups that decay.
        end: T, in epochs with ``by_epoch=True`` and ``convert_to_iter_based=True``; the train loop's length by default.
    """

    def __init__(
        self,
        optimizer: Any,
        final: float,
        end: int | None = None,
        begin: int = 0,
        last_step: int = -1,
        by_epoch: bool = False,
        verbose: bool = False,
    ) -> None:
        total = expect_whole_run(begin, end, by_epoch=by_epoch)
        if not final >= 0:
            raise ValueError(f"expected a final weight decay of 0 or more, got {final}")
        self.final = final
        super().__init__(optimizer, "weight_decay", begin, total, last_step, by_epoch, verbose)
        if final and not any(self.base_values):
            raise ValueError(
                f"expected a weight decay above 0 to begin with, got 0 and a final one of {final}: groups without it "
                "keep 0; set optim_wrapper.optimizer.weight_decay, or leave the schedule out"
            )

    @classmethod
    def build_iter_from_epoch(
        cls, *args: Any, end: int, by_epoch: bool = True, epoch_length: int | None = None, **kwargs: Any
    ) -> CosineWeightDecay:
        """``end`` in epochs; MMEngine calls it for ``convert_to_iter_based=True``."""
        return cls(*args, end=steps_of_run(end, epoch_length, by_epoch=by_epoch), by_epoch=False, **kwargs)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes the place in the run only: resumed with another ``max_epochs``, a run follows its new length."""
        continue_at(self, state_dict["_global_step"])

    def _get_value(self) -> list[float]:
        return [half_cosine(self.last_step, base, self.final, self.end) if base else base for base in self.base_values]


def half_cosine(step: int, start: float, final: float, total: int) -> float:
    """final - (final - start)(1 + cos(pi t / T)) / 2."""
    return final - (final - start) * (1 + math.cos(math.pi * step / total)) / 2
