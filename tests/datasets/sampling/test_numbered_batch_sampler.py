"""Batches keep their place and their number."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.dataset import DefaultSampler, InfiniteSampler

from slotcon_mm.datasets import NumberedBatchSampler, SeededDataset


class Images(list):
    """Enough of a dataset for mmdet's AspectRatioBatchSampler: every third image stands upright."""

    def get_data_info(self, index: int) -> dict[str, int]:
        return dict(width=1 if index % 3 == 0 else 3, height=2)


def batches(size: int, batch_size: int, *, epoch: int = 0, kind: type = InfiniteSampler, **options: Any) -> Any:
    dataset = SeededDataset(Images(range(size)))
    sampler = kind(dataset, shuffle=True, seed=3)
    sampler.set_epoch(epoch)
    return NumberedBatchSampler(sampler, batch_size, **options)


@given(st.integers(1, 20), st.integers(1, 6), st.integers(0, 30), st.integers(1, 8))
def test_a_later_start_gives_the_same_batches_from_there(size, batch_size, start, count):
    whole = list(islice(batches(size, batch_size), start + count))
    assert list(islice(batches(size, batch_size, start=start), count)) == whole[start:]


@pytest.mark.parametrize("start", [0, 1, 5])
@pytest.mark.hosts
def test_mmdets_grouping_by_aspect_goes_on_at_its_place_too(start):
    import mmdet.datasets  # noqa: F401 - registers the sampler

    inner = dict(type="mmdet.AspectRatioBatchSampler")
    whole = list(islice(batches(11, 2, batch_sampler=inner), 9))
    assert list(islice(batches(11, 2, batch_sampler=inner, start=start), 9 - start)) == whole[start:]
    for batch in whole:
        assert len({position % 11 % 3 == 0 for position in batch}) == 1


def test_positions_hold_the_index_and_a_number_that_never_comes_twice():
    positions = [position for batch in islice(batches(7, 2), 50) for position in batch]
    assert len(set(positions)) == 100
    assert [position // 7 for position in positions] == list(range(100))
    plain = list(islice(iter(InfiniteSampler(Images(range(7)), seed=3)), 100))
    assert [position % 7 for position in positions] == plain


def test_the_numbers_of_epochs_follow_each_other():
    epochs = [list(batches(7, 2, kind=DefaultSampler, epoch=epoch)) for epoch in range(3)]
    assert [batch[0] // 7 for batches in epochs for batch in batches] == list(range(0, 24, 2))
    assert {len(batches) for batches in epochs} == {4}
    assert len(batches(7, 2, kind=DefaultSampler, drop_last=True)) == 3


def test_the_dataset_learns_the_samplers_seed():
    sampler = batches(7, 2)
    assert sampler.sampler.dataset.clock.seed == 0
    next(iter(sampler))
    assert sampler.sampler.dataset.clock.seed == 3


def test_a_negative_start_is_refused():
    with pytest.raises(ValueError, match="start of 0 or more, got -1"):
        batches(7, 2, start=-1)
