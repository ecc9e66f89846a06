"""Any dataset, with every random draw of a sample a function of (seed, draw, index)."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from mmengine.registry import DATASETS as ROOT_DATASETS
from torch.utils.data import Dataset

from slotcon_mm.datasets.sampling.sample_clock import SampleClock
from slotcon_mm.registry import DATASETS

__all__ = ["SeededDataset", "seed_generators"]


@DATASETS.register_module()
class SeededDataset(Dataset):
    """Seeds Python's, NumPy's and torch's global generators before each sample of another dataset.

    The transforms of mmcv, mmdet and mmseg draw from those generators, in worker processes whose state is lost when a
    run ends. Seeded from (seed, draw, index), a run's samples depend neither on the number of workers nor on
    interruption. ``NumberedBatchSampler`` sets the seed and asks for position ``draw * len(self) + index``.

    Args:
        dataset: The dataset or its config.
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = ROOT_DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
        self.clock = SampleClock()

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, position: int) -> Any:
        draw, index = divmod(position, len(self))
        seed_generators(self.clock.seed, draw, index)
        return self.dataset[index]

    def get_data_info(self, position: int) -> dict[str, Any]:
        return self.dataset.get_data_info(position % len(self))

    def full_init(self) -> None:
        if hasattr(self.dataset, "full_init"):
            self.dataset.full_init()

    def __getattr__(self, name: str) -> Any:
        """What else a host asks of its dataset (``metainfo``, ``pipeline``, ...)."""
        if name.startswith("__") or name == "dataset":
            raise AttributeError(name)
        return getattr(self.dataset, name)


def seed_generators(*numbers: int) -> None:
    """Seeds Python's, NumPy's and torch's global generators, on every device, from numbers of 0 or more."""
    state = np.random.SeedSequence(numbers).generate_state(2, np.uint64)
    random.seed(int(state[0]))
    np.random.seed(int(state[0] % 2**32))
    torch.manual_seed(int(state[1] % 2**63))
