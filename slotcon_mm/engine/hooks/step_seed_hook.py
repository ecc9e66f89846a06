"""Seeds the generators before every step."""

from __future__ import annotations

from typing import Any

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from slotcon_mm.datasets.sampling.seeded_dataset import seed_generators
from slotcon_mm.registry import HOOKS

__all__ = ["StepSeedHook"]


@HOOKS.register_module()
class StepSeedHook(Hook):
    """What a model draws in a step (dropout, sampled regions) is a function of (seed, step, rank).

    So a resumed run draws as one that was not interrupted; no generator's state has to be saved.
    """

    priority = "VERY_HIGH"

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        seed_generators(runner.seed or 0, runner.iter, get_rank())
