"""Checks of user input that several modules share."""

from __future__ import annotations

__all__ = ["expect_positive", "expect_share"]


def expect_positive(**values: float) -> None:
    """ValueError for the first value that is not above zero."""
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"expected {name} above 0, got {value}")


def expect_share(**values: float) -> None:
    """ValueError for the first value outside [0, 1]."""
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"expected {name} in [0, 1], got {value}")
