"""Images of different sizes as batches."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from slotcon_mm.models.one_size import batches_of_one_size


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), max_size=9))
def test_every_image_comes_once_at_its_place_with_those_of_its_size(sizes):
    images = [torch.full((3, *size), float(i)) for i, size in enumerate(sizes)]
    found = list(batches_of_one_size(images))
    assert len(found) == len(set(sizes))
    assert sorted(place for places, _ in found for place in places) == list(range(len(sizes)))
    for places, batch in found:
        assert batch[:, 0, 0, 0].tolist() == places
        assert all(tuple(batch.shape[2:]) == sizes[place] for place in places)


def test_a_batch_of_one_size_stays_the_same_tensor():
    batch = torch.randn(2, 3, 4, 5)
    ((places, found),) = batches_of_one_size(batch)
    assert found is batch
    assert places == [0, 1]
