"""Training by epochs that resumes at any iteration."""

from __future__ import annotations

from itertools import islice
from typing import Any

from mmengine.runner import EpochBasedTrainLoop
from torch import nn

from slotcon_mm.checks import expect_positive
from slotcon_mm.engine.loops.optimizer_step import count_micro_batches, optimizer_step
from slotcon_mm.engine.loops.validation import validate_if_due
from slotcon_mm.registry import LOOPS

__all__ = ["PlacedEpochTrainLoop"]


@LOOPS.register_module()
class PlacedEpochTrainLoop(EpochBasedTrainLoop):
    """MMEngine's EpochBasedTrainLoop, whose iterations are optimizer steps and which can begin within an epoch.

    MMEngine (0.10.7) starts an epoch again if it resumes from a checkpoint that was written within it. Here
    ``NumberedBatchSampler.start`` leaves out as numbers the batches that the epoch has had. A checkpoint of an epoch's
    end is written before that epoch's validation, which a resumed run therefore begins with, where one is due. Where
    other images have changed the length of an epoch, steps are counted as if all epochs had had the new one, so that
    what goes by steps ends with the run.

    Args:
        micro_batches: Forward passes of an optimizer step: ``optim_wrapper.accumulative_counts``.

    Attributes:
        place: Batches of the current epoch that are done. ``PlainCheckpointHook`` saves it and sets it on resume.
        validated: Epochs that were done at the last validation, saved and set likewise: ``save_best`` writes the
            checkpoint again behind a validation.
    """

    def __init__(self, *args: Any, micro_batches: int = 1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        expect_positive(micro_batches=micro_batches)
        self.micro_batches = micro_batches
        self.place, self.validated = 0, 0

    def run(self) -> nn.Module:
        count_micro_batches(self.runner, self.micro_batches)
        length = len(self.dataloader)
        self._iter = self._epoch * length + min(self.place, length)
        self.runner.call_hook("before_train")
        if self.validated < self._epoch and not self.place:
            validate_if_due(self, self._epoch, self._max_epochs)
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            validate_if_due(self, self._epoch, self._max_epochs)
        self.runner.call_hook("after_train")
        return self.runner.model

    def run_epoch(self) -> None:
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        sampler: Any = self.dataloader.batch_sampler
        if hasattr(sampler, "start"):
            sampler.start = self.place
            batches = iter(self.dataloader)
        else:  # another sampler: what the epoch has had is read and discarded
            batches = islice(self.dataloader, self.place, None)
        for idx, data_batch in enumerate(batches, self.place):
            self.run_iter(idx, data_batch)
        self.place = 0
        if hasattr(sampler, "start"):
            sampler.start = 0  # for a hook that reads the epoch again
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1

    def run_iter(self, idx: int, data_batch: Any) -> None:
        self.place = idx + 1
        optimizer_step(self.runner, idx, data_batch, self.micro_batches)
        self._iter += 1
