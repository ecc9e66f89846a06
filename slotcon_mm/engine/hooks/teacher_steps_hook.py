"""Where in its schedule the teacher starts."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from slotcon_mm.engine.model_of import model_of
from slotcon_mm.registry import HOOKS

__all__ = ["TeacherStepsHook"]


@HOOKS.register_module()
class TeacherStepsHook(Hook):
    """Sets ``teacher.steps`` to the run's iteration: 0 where it starts from weights, the checkpoint's on resume."""

    def before_train(self, runner: Runner) -> None:
        model = model_of(runner)
        model.teacher.steps.fill_(runner.iter)
