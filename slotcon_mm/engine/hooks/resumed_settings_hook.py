"""A resumed run follows the optimizer and schedule of its config, not those of the checkpoint."""

from __future__ import annotations

import warnings
from copy import deepcopy
from typing import Any

from mmengine.hooks import Hook
from mmengine.optim import OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop, Runner

__all__ = ["ResumedSettingsHook"]


class ResumedSettingsHook(Hook):
    """Puts back what resuming overwrote: learning rate, decay and the like of each group, and the schedules' numbers.

    MMEngine (0.10.7) loads an optimizer's numbers with its state and a schedule's milestones with its place. Here the
    state and the place are those of the checkpoint, the numbers those of the config: each schedule is stepped from its
    beginning to the run's place. It is registered only where the config or the run's length has changed.
    """

    priority = "VERY_HIGH"

    def before_run(self, runner: Runner) -> None:
        """What the config asks for; MMEngine loads the checkpoint afterwards."""
        self.settings = [[settings_of(group) for group in optim.param_groups] for optim in optimizers_of(runner)]
        self.schedules = [deepcopy(schedule.state_dict()) for schedule in schedules_of(runner)]

    def before_train(self, runner: Runner) -> None:
        replayed = [
            (schedule, fresh)
            for schedule, fresh in zip(schedules_of(runner), self.schedules, strict=True)
            if not getattr(schedule, "need_val_args", False)  # one that follows a score keeps what it has seen
        ]
        for schedule, fresh in replayed:
            schedule.load_state_dict(fresh)
        for optimizer, groups in zip(optimizers_of(runner), self.settings, strict=True):
            for group, settings in zip(optimizer.param_groups, groups, strict=True):
                group.update(settings)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch misses the optimizer's steps between
            replay([schedule for schedule, _ in replayed], runner)


def replay(schedules: list[Any], runner: Runner) -> None:
    """Steps schedules as MMEngine's ParamSchedulerHook does from the beginning of a run to its present place.

    The epochs that are done had the length of the run that made them, which other images may have changed since.
    """
    loop: Any = runner.train_loop
    epochs = runner.epoch if isinstance(loop, EpochBasedTrainLoop) else 0
    length = (runner.iter - getattr(loop, "place", 0)) // epochs if epochs else 0
    done = 0
    for iteration in range(1, runner.iter + 1):
        step([schedule for schedule in schedules if not schedule.by_epoch])
        if length and iteration % length == 0 and done < epochs:
            done += 1
            step([schedule for schedule in schedules if schedule.by_epoch])


def step(schedules: list[Any]) -> None:
    for schedule in schedules:
        schedule.step()


def settings_of(group: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name != "params"}


def optimizers_of(runner: Runner) -> list[Any]:
    wrapper = runner.optim_wrapper
    return [one.optimizer for one in (wrapper.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper])]


def schedules_of(runner: Runner) -> list[Any]:
    given: Any = runner.param_schedulers or []
    return [schedule for part in given.values() for schedule in part] if isinstance(given, dict) else list(given)
