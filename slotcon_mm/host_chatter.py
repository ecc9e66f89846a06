"""What the hosts say that is no news to a user: it goes to the log file, not to the console."""

from __future__ import annotations

import re
import warnings
from typing import TextIO

__all__ = ["hold_back", "hold_back_chatter", "is_chatter", "take_held_back"]

MESSAGES = (
    # mmengine 0.10.7, at every start, of calls that it makes itself
    r'"FileClient" will be deprecated',
    r'"HardDiskBackend" is the alias of "LocalBackend"',
    # mmengine 0.10.7, before the last line of every epoch
    r"^Exp name: ",
    # mmengine 0.10.7; a line of ours says that each micro-batch has its own statistics
    r"^Gradient accumulative may slightly decrease performance",
    # mmengine 0.10.7, printed beside the log
    r"^Loads checkpoint by ",
    # pycocotools, printed at every start and every evaluation
    r"^(loading annotations into memory|Done \(t=|DONE \(t=|creating index|index created!)",
    r"^(Loading and preparing results|Running per image evaluation|Evaluate annotation type|Accumulating evaluation)",
    # mmcv 2.1.0 without compiled operators, which pretraining does not need
    r"Fail to import ``MultiScaleDeformableAttention``",
    # mmengine and mmcv with setuptools from 67 on
    r"pkg_resources is deprecated",
    # mmengine 0.10.7 with torch from 2.4 on
    r"`torch\.cuda\.amp\.\w+\(args\.\.\.\)` is deprecated",
)
CHATTER = re.compile("|".join(MESSAGES))
held_back: list[str] = []


def is_chatter(message: str) -> bool:
    return CHATTER.search(message) is not None


def hold_back_chatter() -> None:
    """Keeps those of Python's warnings that are chatter from being printed, until a log file takes them."""
    show = warnings.showwarning

    def show_news(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
        line: str | None = None,
    ) -> None:  # fmt: skip
        if is_chatter(str(message)):
            hold_back(warnings.formatwarning(message, category, filename, lineno).strip())
        else:
            show(message, category, filename, lineno, file, line)

    warnings.showwarning = show_news


def hold_back(message: str) -> None:
    held_back.append(message)


def take_held_back() -> list[str]:
    """What was held back since the last call."""
    taken = held_back.copy()
    held_back.clear()
    return taken
