"""Heads learn before the backbone moves."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from slotcon_mm.engine.model_of import model_of
from slotcon_mm.engine.optimizers.layer_decay import BACKBONE
from slotcon_mm.registry import HOOKS

__all__ = ["HeadsFirstHook"]


@HOOKS.register_module()
class HeadsFirstHook(Hook):
    """Holds the backbone still for the first epochs of a training that starts from other weights.

    Projector, predictor and prototypes start at random, and their first gradients would spoil features that are good
    already. Until then the backbone's learning rate is 0, and its norms, the student's and the teacher's, use and
    keep their running statistics. The optimizer gathers its averages of gradients meanwhile.

    It needs ``optim_wrapper.constructor='slotcon_mm.LayerDecayConstructor'``, which tells the backbone's parameters.

    Args:
        epochs: How many; 0 for none.
    """

    priority = 65  # rates are given back before a schedule (70) moves them: MMEngine's own start from what they find

    def __init__(self, epochs: int) -> None:
        if epochs < 0:
            raise ValueError(f"expected epochs of 0 or more, got {epochs}")
        self.epochs = epochs
        self.rates: list[tuple[dict[str, Any], float]] = []

    def before_train(self, runner: Runner) -> None:
        if self.epochs >= runner.max_epochs:
            raise ValueError(
                f"expected HeadsFirstHook.epochs below the run's {runner.max_epochs}, got {self.epochs}: the backbone "
                "would never learn"
            )
        if self.epochs and not any(BACKBONE in group for group in runner.optim_wrapper.param_groups):
            raise ValueError(
                "expected optim_wrapper.constructor='slotcon_mm.LayerDecayConstructor' with HeadsFirstHook, got "
                f"{runner.cfg.optim_wrapper.get('constructor', 'the default one')}"
            )

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        if runner.epoch >= self.epochs:
            return
        model = model_of(runner)
        for backbone in (model.backbone, model.teacher.backbone):
            backbone.eval()  # the next epoch's model.train() takes it back
        for group in runner.optim_wrapper.param_groups:
            if group.get(BACKBONE):
                self.rates.append((group, group["lr"]))
                group["lr"] = 0.0

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        for group, rate in self.rates:
            group["lr"] = rate
        self.rates = []
