"""The size at which images are shown to a network."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from slotcon_mm.models.input_sizes import LONGEST, SMALLEST, input_size, usual_size


@given(st.integers(1, 5000), st.integers(1, 5000), st.one_of(st.none(), st.integers(32, 400)))
def test_sizes_in_the_network_are_bounded(height, width, size):
    found = input_size(height, width, size)
    assert min(found) >= SMALLEST
    if size:
        assert max(found) <= LONGEST * size
        if max(height, width) <= LONGEST * min(height, width):
            assert min(found) == size


def test_views_of_224_are_matched_by_a_shorter_side_of_320():
    assert usual_size((224, 224)) == 320
    assert usual_size((64, 96)) == 91
