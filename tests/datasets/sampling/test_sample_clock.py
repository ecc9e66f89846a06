"""Seed and epoch reach workers that were started before they changed."""

from __future__ import annotations

import torch
from torch.utils.data import DataLoader, Dataset

from slotcon_mm.datasets.sampling.sample_clock import SampleClock


class Draws(Dataset):
    def __init__(self) -> None:
        self.clock = SampleClock()

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> int:
        return int(self.clock.generator(index).integers(10**9))


def test_persistent_workers_see_each_epoch_and_draw_what_the_main_process_draws():
    draws = Draws()
    loader = DataLoader(draws, batch_size=2, num_workers=2, persistent_workers=True)
    seen = []
    for epoch in range(2):
        draws.clock.set(5, epoch)
        found = torch.cat(list(loader))
        assert found.tolist() == [draws[i] for i in range(4)]
        seen.append(found)
    assert not torch.equal(*seen)
