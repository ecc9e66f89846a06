"""Backbones filled from a file before the first step, and the line that proves it."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from slotcon_mm.checkpoints.filling import Filling
from slotcon_mm.engine.model_of import model_of

__all__ = ["FillBackboneHook"]


class FillBackboneHook(Hook):
    """Fills the model once its initialization is over and before any other hook sees it, then compares the values."""

    priority = "HIGHEST"

    def __init__(self, filling: Filling) -> None:
        self.filling: Filling | None = filling

    def before_train(self, runner: Runner) -> None:
        if self.filling is None:
            return
        model = model_of(runner)
        self.filling.fill(model)
        runner.logger.info(self.filling.verify(model))
        self.filling = None  # its tensors would stay in memory as long as the run
