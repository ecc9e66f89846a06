"""Training by iterations that resumes without reading again what was read before."""

from __future__ import annotations

from typing import Any

from mmengine.runner import IterBasedTrainLoop
from torch import nn

from slotcon_mm.registry import LOOPS

__all__ = ["PlacedIterTrainLoop"]


@LOOPS.register_module()
class PlacedIterTrainLoop(IterBasedTrainLoop):
    """MMEngine's IterBasedTrainLoop, whose loader already begins at the right place.

    MMEngine (0.10.7) reads and discards every batch up to the iteration that it resumes, for hours on a long run. Here
    ``NumberedBatchSampler.start`` leaves them out as numbers; only what it does not leave out is discarded.
    """

    def run(self) -> nn.Module:
        self.runner.call_hook("before_train")
        self.runner.call_hook("before_train_epoch")
        sampler: Any = self.dataloader.batch_sampler
        for _ in range(self._iter - getattr(sampler, "start", 0)):
            next(self.dataloader_iterator)
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(self.dataloader_iterator))
            self._decide_current_val_interval()
            if self._validates():
                self.runner.val_loop.run()
        self.runner.call_hook("after_train_epoch")
        self.runner.call_hook("after_train")
        return self.runner.model

    def _validates(self) -> bool:
        due = self._iter % self.val_interval == 0 or self._iter == self._max_iters
        return self.runner.val_loop is not None and self._iter >= self.val_begin and due
