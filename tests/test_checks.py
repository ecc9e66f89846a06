"""Shared checks of user input."""

from __future__ import annotations

import pytest

from slotcon_mm.checks import expect_positive, expect_share, listing


def test_the_first_value_out_of_range_is_named():
    expect_positive(a=1, b=0.1)
    expect_share(a=0, b=1)
    with pytest.raises(ValueError, match="expected b above 0, got 0"):
        expect_positive(a=1, b=0)
    with pytest.raises(ValueError, match=r"expected b in \[0, 1\], got nan"):
        expect_share(a=1, b=float("nan"))


def test_long_lists_are_cut():
    assert listing([]) == "none"
    assert listing(["a", "b"]) == "a, b"
    assert listing(["a", "b", "c"], most=2) == "a, b and 1 more"
