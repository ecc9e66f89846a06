"""Where a forward pass stands in its optimizer step."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MicroBatch"]


@dataclass(frozen=True)
class MicroBatch:
    """The ``index``-th of the ``count`` forward passes whose gradients make one optimizer step.

    With gradient accumulation a step sees several micro-batches. Teacher and center move once a step, not once a pass.
    """

    index: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        return self.index == 0

    @property
    def is_last(self) -> bool:
        return self.index == self.count - 1
