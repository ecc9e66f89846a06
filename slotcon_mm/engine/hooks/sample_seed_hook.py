"""Sets the clock that every sample's draws depend on."""

from __future__ import annotations

from collections.abc import Iterator

from mmengine.dist import broadcast_object_list
from mmengine.hooks import Hook
from mmengine.runner import Runner

from slotcon_mm.datasets.sampling.sample_clock import SampleClock
from slotcon_mm.registry import HOOKS

__all__ = ["SampleSeedHook"]


@HOOKS.register_module()
class SampleSeedHook(Hook):
    """Tells ``PairedViews`` the run's seed (rank 0's, on all ranks) and epoch before the loader's iterator is made."""

    def before_train(self, runner: Runner) -> None:
        seed = [runner.seed]
        broadcast_object_list(seed)
        self.seed = int(seed[0])

    def before_train_epoch(self, runner: Runner) -> None:
        for clock in clocks_of(runner):
            clock.set(self.seed, runner.epoch)


def clocks_of(runner: Runner) -> Iterator[SampleClock]:
    """Those of the transforms of the training dataset."""
    pipeline = getattr(runner.train_dataloader.dataset, "pipeline", None)
    for transform in getattr(pipeline, "transforms", []):
        if isinstance(getattr(transform, "clock", None), SampleClock):
            yield transform.clock
