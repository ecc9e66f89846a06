"""A sample is a function of (seed, draw, index)."""

from __future__ import annotations

import pickle
import random
from typing import Any

import numpy as np
import torch

from slotcon_mm.datasets import SeededDataset, UnlabeledImageDataset
from slotcon_mm.datasets.sampling.seeded_dataset import seed_generators


class Drawing:
    """Three draws, one of each generator that transforms use."""

    metainfo = dict(classes=("a",))

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        return index, random.random(), float(np.random.rand()), float(torch.rand(()))


def seeded(seed: int) -> SeededDataset:
    dataset = SeededDataset(Drawing())
    dataset.clock.set(seed, 0)
    return dataset


def test_a_position_gives_its_index_and_always_the_same_draws():
    dataset = seeded(1)
    assert [dataset[position][0] for position in (0, 3, 4, 11)] == [0, 3, 0, 3]
    first = dataset[6]
    dataset[2]
    assert dataset[6] == first


def test_another_index_draw_or_seed_gives_other_draws_of_every_generator():
    found = [seeded(seed)[draw * 4 + index] for seed in (1, 2) for draw in (0, 1) for index in (0, 1)]
    for generator in (1, 2, 3):
        assert len({sample[generator] for sample in found}) == len(found)


def test_seeding_takes_any_numbers_of_zero_or_more():
    values = []
    for numbers in ((0,), (2**40, 7), (1, 2, 3), (3, 2, 1)):
        seed_generators(*numbers)
        values.append((random.random(), float(np.random.rand()), float(torch.rand(()))))
    assert len(set(values)) == 4


def test_hosts_find_the_dataset_own_attributes(scenes):
    dataset = SeededDataset(dict(type="slotcon_mm.UnlabeledImageDataset", data_root=str(scenes)))
    assert isinstance(dataset.dataset, UnlabeledImageDataset)
    assert dataset.pipeline is dataset.dataset.pipeline
    assert dataset.get_data_info(len(dataset) + 2) == dataset.dataset.get_data_info(2)
    dataset.full_init()
    assert seeded(0).metainfo == dict(classes=("a",))


def test_it_reaches_a_worker_process_as_it_is():
    dataset = seeded(5)
    assert pickle.loads(pickle.dumps(dataset))[9] == dataset[9]
