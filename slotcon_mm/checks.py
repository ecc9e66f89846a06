"""Checks of user input that several modules share."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["PreemptedError", "RunStoppedError", "expect_positive", "expect_share", "listing", "printable"]


class RunStoppedError(RuntimeError):
    """A run ends for a reason that its message tells whole: the tools print it instead of a traceback."""


class PreemptedError(RunStoppedError):
    """A run was asked to end, and has saved where it is: the job is to be started again."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h


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


def listing(names: Sequence[str], most: int = 20) -> str:
    """Names for a message, cut where they would flood it."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(printable(name) for name in names[:most]) or "none") + more


def printable(path: str) -> str:
    """A file's name for messages and pages: what is no character to print is written out as an escape.

    That is so of bytes that are no UTF-8, of lines' ends, and of codes that a terminal would obey.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in path)
