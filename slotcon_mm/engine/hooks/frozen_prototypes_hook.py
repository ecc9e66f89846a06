"""Prototypes that stay as they were drawn while features take shape."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.optim import Optimizer

from slotcon_mm.engine.model_of import model_of
from slotcon_mm.registry import HOOKS

__all__ = ["FrozenPrototypesHook"]


@HOOKS.register_module()
class FrozenPrototypesHook(Hook):
    """Removes the gradient of ``model.neck.prototypes`` in the first epochs, before the optimizer moves.

    A gradient of 0 would not do: decay would move the prototypes, and Adam count their steps. Without a gradient an
    optimizer leaves them alone and keeps no state of them until the first free epoch. It is removed in each step once
    processes have averaged it and a GradScaler and ``FiniteGuardHook`` have looked at it, so that a gradient that is
    not finite means the same as in later epochs.

    Args:
        epochs: How many; 0 for none. ``check_start`` refuses as many as the run has.
    """

    # behind FiniteGuardHook: hooks of a step are called in the order in which they were registered
    priority = "NORMAL"

    def __init__(self, epochs: int) -> None:
        if epochs < 0:
            raise ValueError(f"expected epochs of 0 or more, got {epochs}")
        self.epochs = epochs

    def before_train(self, runner: Runner) -> None:
        self.prototypes = model_of(runner).neck.prototypes
        self.handle = runner.optim_wrapper.optimizer.register_step_pre_hook(self.before_step)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        self.is_frozen = runner.epoch < self.epochs

    def before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """Called by torch in ``optimizer.step()``, thus once for all micro-batches of a step."""
        if self.is_frozen:
            self.prototypes.grad = None

    def after_train(self, runner: Runner) -> None:
        self.handle.remove()
