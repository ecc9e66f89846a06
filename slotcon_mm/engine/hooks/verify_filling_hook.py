"""The line that proves that ``--pretrained`` arrived."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from slotcon_mm.checkpoints.filling import Filling
from slotcon_mm.engine.model_of import model_of

__all__ = ["VerifyFillingHook"]


class VerifyFillingHook(Hook):
    """Compares the backbone with the checkpoint once the model's initialization is over, before the first step."""

    def __init__(self, filling: Filling) -> None:
        self.filling = filling

    def before_train(self, runner: Runner) -> None:
        model = model_of(runner)
        runner.logger.info(self.filling.verify(model))
