"""A split is the same everywhere, and holds out as many as it says."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotcon_mm.datasets.splits import split_at_random

NAMES = [f"{number:03d}.jpg" for number in range(200)]


@given(st.lists(st.text(min_size=1), min_size=2, max_size=40, unique=True), st.floats(0.01, 0.99), st.integers(0, 9))
def test_every_name_is_in_one_part_and_the_share_is_held_out(names, share, seed):
    encodable = [name for name in names if not any("\ud800" <= c <= "\udfff" for c in name)]
    if len(encodable) < 2:
        return
    train, held_out = split_at_random(encodable, share, seed)
    assert sorted(train + held_out) == [*range(len(encodable))]
    assert (train, held_out) == (sorted(train), sorted(held_out))
    assert abs(len(held_out) - share * len(encodable)) <= 1
    assert train
    assert held_out


def test_the_order_of_names_does_not_matter_and_the_seed_does():
    first = {NAMES[i] for i in split_at_random(NAMES, 0.3, 0)[1]}
    turned = NAMES[::-1]
    assert {turned[i] for i in split_at_random(turned, 0.3, 0)[1]} == first
    assert {NAMES[i] for i in split_at_random(NAMES, 0.3, 1)[1]} != first
    # seen once, and so on every machine
    assert sorted(first)[:5] == ["003.jpg", "008.jpg", "010.jpg", "013.jpg", "015.jpg"]


def test_an_image_that_is_added_moves_few():
    before = {NAMES[i] for i in split_at_random(NAMES, 0.3, 0)[1]}
    more = [*NAMES, "new.jpg"]
    after = {more[i] for i in split_at_random(more, 0.3, 0)[1]}
    assert len(before ^ after) <= 3


def test_names_that_are_no_utf8_are_split_too():
    assert len(split_at_random([os.fsdecode(b"a\xe9"), "b"], 0.5, 0)[0]) == 1


@pytest.mark.parametrize(("names", "share", "message"), [
    (NAMES, 0, "above 0 and below 1, got 0"), (NAMES, 1.0, "got 1.0"), (["a"], 0.5, "two images or more .* got 1"),
])  # fmt: skip
def test_what_cannot_be_split_is_refused(names, share, message):
    with pytest.raises(ValueError, match=message):
        split_at_random(names, share, 0)
