"""Batches of a host's samplers that can begin at any of them, and whose samples know how often they were drawn."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from mmengine.registry import DATA_SAMPLERS as ROOT_SAMPLERS
from torch.utils.data import BatchSampler, Sampler

from slotcon_mm.registry import DATA_SAMPLERS

__all__ = ["NumberedBatchSampler"]


@DATA_SAMPLERS.register_module()
class NumberedBatchSampler(BatchSampler):
    """The batches of another batch sampler, from any of them on.

    With ``number_samples`` they are positions of a ``SeededDataset``: draw * len(dataset) + index. A draw is the
    sample's number on its rank, counted from the start of the run, so that an image is drawn differently each time it
    comes up.

    Args:
        sampler: MMEngine's loader fills it in; its ``dataset`` is a ``SeededDataset``.
        batch_size: Of a process; MMEngine's loader fills it in.
        batch_sampler: Config of a batch sampler of MMEngine's registry; torch's BatchSampler by default.
        drop_last: Of torch's BatchSampler.
        start: Batches to leave out at the beginning, without reading their images, so that a resumed run continues at
            its place. A loop over epochs sets it before each.
        number_samples: False for datasets whose draws depend on the epoch, as those of ``PairedViews`` do.
    """

    def __init__(
        self,
        sampler: Sampler,
        batch_size: int,
        batch_sampler: dict[str, Any] | None = None,
        drop_last: bool = False,
        start: int = 0,
        number_samples: bool = True,
    ) -> None:
        super().__init__(sampler, batch_size, drop_last)
        if start < 0:
            raise ValueError(f"expected start of 0 or more, got {start}")
        self.start, self.number_samples = start, number_samples
        self.batches: Any = BatchSampler(sampler, batch_size, drop_last)
        if batch_sampler is not None:
            self.batches = ROOT_SAMPLERS.build(batch_sampler, default_args=dict(sampler=sampler, batch_size=batch_size))

    def __iter__(self) -> Iterator[list[int]]:
        if not self.number_samples:
            yield from islice(self.batches, self.start, None)
            return
        sampler: Any = self.sampler
        sampler.dataset.clock.set(sampler.seed, 0)
        size = len(sampler.dataset)
        before = getattr(sampler, "epoch", 0) * len(self.batches)
        for number, batch in islice(enumerate(self.batches, before), self.start, None):
            draws = range(number * self.batch_size, (number + 1) * self.batch_size)
            yield [draw * size + index for draw, index in zip(draws, batch, strict=False)]

    def __len__(self) -> int:
        return len(self.batches)
