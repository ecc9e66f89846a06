"""Shared checks of user input."""

from __future__ import annotations

import pytest

from slotcon_mm.checks import expect_positive, expect_share


def test_the_first_value_out_of_range_is_named():
    expect_positive(a=1, b=0.1)
    expect_share(a=0, b=1)
    with pytest.raises(ValueError, match="expected b above 0, got 0"):
        expect_positive(a=1, b=0)
    with pytest.raises(ValueError, match=r"expected b in \[0, 1\], got nan"):
        expect_share(a=1, b=float("nan"))
