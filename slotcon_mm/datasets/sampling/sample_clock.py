"""Seed and epoch of a run in shared memory, so that persistent workers see them, and a sample's own generator."""

from __future__ import annotations

import numpy as np
import torch

__all__ = ["SampleClock"]


class SampleClock:
    """Tells a sample its generator, a pure function of (seed, epoch, index).

    So a run's draws do not depend on the number of workers, on the batch or on interruption. ``SampleSeedHook`` sets
    the clock before the loader's iterator is made.
    """

    def __init__(self) -> None:
        self._seed_and_epoch = torch.zeros(2, dtype=torch.int64).share_memory_()

    def set(self, seed: int, epoch: int) -> None:
        self._seed_and_epoch[0] = seed
        self._seed_and_epoch[1] = epoch

    @property
    def seed(self) -> int:
        return int(self._seed_and_epoch[0])

    def generator(self, index: int) -> np.random.Generator:
        seed, epoch = self._seed_and_epoch.tolist()
        return np.random.default_rng([seed, epoch, index])
