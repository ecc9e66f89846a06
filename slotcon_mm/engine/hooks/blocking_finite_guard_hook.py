"""Ends a fine-tuning whose numbers are no longer finite, before any weight moves."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.optim import AmpOptimWrapper
from mmengine.runner import Runner
from torch.optim import Optimizer

from slotcon_mm.checks import RunStoppedError, listing
from slotcon_mm.engine.hooks.finite_guard_hook import MOST_OVERFLOWS, images_of
from slotcon_mm.engine.model_of import model_of
from slotcon_mm.registry import HOOKS

__all__ = ["BlockingFiniteGuardHook"]


@HOOKS.register_module()
class BlockingFiniteGuardHook(Hook):
    """For any optimizer: waits for the gradients' largest magnitude before each step and stops if it is not finite.

    The gradients are those of all ranks, so that all stop. mmdet's CheckInvalidLossHook looks at the loss, every 50
    iterations, after the update.

    Under AMP, a GradScaler answers infinite gradients by leaving out the step, or lets a fused optimizer leave it out.
    At a scale of 1 or less, or after ``MOST_OVERFLOWS`` such steps in a row, they are no overflow any more.
    """

    priority = "VERY_HIGH"

    def before_train(self, runner: Runner) -> None:
        model = model_of(runner)
        self.names = {id(parameter): name for name, parameter in model.named_parameters()}
        self.iteration, self.images = 0, [""]
        self.called, self.overflows = False, 0
        self.handle = runner.optim_wrapper.optimizer.register_step_pre_hook(self.before_step)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        self.iteration, self.images = runner.iter, images_of(data_batch)
        self.called = False

    @torch.no_grad()
    def before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self.called = True
        if overflowed(optimizer):
            self.count_overflow()
            return
        self.overflows = 0
        moving = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if not moving:
            return
        finite = torch.stack(torch._foreach_norm([p.grad for p in moving], float("inf"))).isfinite()
        if bool(finite.all()):
            return
        first = self.names.get(id(moving[finite.tolist().index(False)]), "a parameter")
        raise RunStoppedError(
            f"expected finite gradients, got infinite or NaN values in iteration {self.iteration + 1}, first in "
            f"{first}. That step moved no weight, and --resume continues from the last checkpoint. If it happens "
            f"again, lower the learning rate. The step saw these images: {listing(self.images, most=8)}"
        )

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        wrapper = runner.optim_wrapper
        if not self.called and isinstance(wrapper, AmpOptimWrapper) and wrapper.should_update():
            self.count_overflow()

    def count_overflow(self) -> None:
        self.overflows += 1
        if self.overflows > MOST_OVERFLOWS:
            raise RunStoppedError(
                f"expected gradients that half precision holds, got infinite ones in {self.overflows} steps in a row, "
                f"up to iteration {self.iteration + 1}. None of these steps moved a weight. Set "
                "optim_wrapper.loss_scale=dynamic or a lower loss scale; --resume continues from the last checkpoint. "
                f"The last step saw these images: {listing(self.images, most=8)}"
            )

    def after_train(self, runner: Runner) -> None:
        self.handle.remove()


def overflowed(optimizer: Optimizer) -> bool:
    """Whether a GradScaler told a fused optimizer of infinite gradients that a lower scale can make finite."""
    found, scale = getattr(optimizer, "found_inf", None), getattr(optimizer, "grad_scale", None)
    return found is not None and bool(found > 0) and (scale is None or bool(scale > 1))
