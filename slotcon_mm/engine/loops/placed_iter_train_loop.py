"""Training by iterations that resumes without reading again what was read before."""

from __future__ import annotations

from typing import Any

from mmengine.runner import IterBasedTrainLoop
from torch import nn

from slotcon_mm.checks import expect_positive
from slotcon_mm.engine.loops.optimizer_step import count_micro_batches, optimizer_step
from slotcon_mm.engine.loops.validation import validate_if_due
from slotcon_mm.registry import LOOPS

__all__ = ["PlacedIterTrainLoop"]


@LOOPS.register_module()
class PlacedIterTrainLoop(IterBasedTrainLoop):
    """MMEngine's IterBasedTrainLoop, whose iterations are optimizer steps and whose loader begins at the right place.

    MMEngine (0.10.7) reads and discards every batch up to the iteration that it resumes, for hours on a long run. Here
    ``NumberedBatchSampler.start`` leaves them out as numbers; only what it does not leave out is discarded. A step's
    checkpoint is written before its validation, which a resumed run therefore begins with, where one is due.

    Args:
        micro_batches: Forward passes of an optimizer step: ``optim_wrapper.accumulative_counts``.

    Attributes:
        validated: Steps that were done at the last validation. ``PlainCheckpointHook`` saves it and sets it on resume:
            ``save_best`` writes the checkpoint again behind a validation.
    """

    def __init__(self, *args: Any, micro_batches: int = 1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        expect_positive(micro_batches=micro_batches)
        self.micro_batches = micro_batches
        self.validated = 0

    def run(self) -> nn.Module:
        count_micro_batches(self.runner, self.micro_batches)
        self.runner.call_hook("before_train")
        self.runner.call_hook("before_train_epoch")
        sampler: Any = self.dataloader.batch_sampler
        for _ in range(self._iter - getattr(sampler, "start", 0)):
            next(self.dataloader_iterator)
        if self.validated < self._iter:
            validate_if_due(self, self._iter, self._max_iters)
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(self.dataloader_iterator))
            validate_if_due(self, self._iter, self._max_iters)
        self.runner.call_hook("after_train_epoch")
        self.runner.call_hook("after_train")
        return self.runner.model

    def run_iter(self, data_batch: Any) -> None:
        optimizer_step(self.runner, self._iter, data_batch, self.micro_batches)
        self._iter += 1
