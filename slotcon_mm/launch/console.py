"""The console shows a user's lines only; the log file has everything."""

from __future__ import annotations

import io
import logging
import sys
from contextlib import AbstractContextManager, redirect_stdout
from pathlib import Path
from typing import Any, TextIO

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from slotcon_mm.host_chatter import hold_back, is_chatter, take_held_back
from slotcon_mm.launch.summary import summary_of_test, summary_of_training

__all__ = ["ConsoleHook", "HostPrints", "UserLines", "hosts_kept_quiet", "show_user_lines"]

PACKAGE = str(Path(__file__).parents[1])


class UserLines(logging.Filter):
    """Lets through what this package says, warnings, and, once ``started``, what the hosts say of their progress.

    Before the start MMEngine writes some 300 lines: the environment, the whole config, a table of hooks.
    """

    def __init__(self) -> None:
        super().__init__()
        self.started = False

    def filter(self, record: logging.LogRecord) -> bool:
        if record.pathname.startswith(PACKAGE):
            return True
        return (self.started or record.levelno >= logging.WARNING) and not is_chatter(record.getMessage())


def show_user_lines(logger: logging.Logger) -> UserLines:
    """Puts the filter on what a logger writes to the console."""
    lines = UserLines()
    for handler in logger.handlers:
        if not isinstance(handler, logging.FileHandler):
            for earlier in [f for f in handler.filters if isinstance(f, UserLines)]:  # a logger that is used again
                handler.removeFilter(earlier)
            handler.addFilter(lines)
    return lines


class HostPrints(io.TextIOBase):
    """In place of ``sys.stdout``: what the hosts print and nobody needs goes to the log file, the rest to the console.

    Args:
        console: The true one.
    """

    def __init__(self, console: TextIO) -> None:
        self.console = console
        self.logger: logging.Logger | None = None  # set once there is one
        self.ends_chatter = False

    def write(self, text: str) -> int:
        """``print`` writes a line's text and its end by two calls."""
        if is_chatter(text):
            if self.logger is None:
                hold_back(text.strip())
            else:
                print_log(text.strip(), logger=self.logger)
            self.ends_chatter = not text.endswith("\n")
        elif self.ends_chatter and text and not text.strip():
            self.ends_chatter = False
        else:
            self.console.write(text)
        return len(text)

    def flush(self) -> None:
        self.console.flush()

    def isatty(self) -> bool:
        return self.console.isatty()

    def fileno(self) -> int:
        return self.console.fileno()


def hosts_kept_quiet() -> AbstractContextManager[Any]:
    """In this block, prints go through ``HostPrints``."""
    return redirect_stdout(HostPrints(sys.stdout))


class ConsoleHook(Hook):
    """When all is ready: sums up what is run, and lets the hosts' progress through.

    Args:
        lines: The console's filter.
    """

    priority = "VERY_LOW"

    def __init__(self, lines: UserLines) -> None:
        self.lines = lines

    def before_train(self, runner: Runner) -> None:
        self.start(runner, summary_of_training(runner))

    def before_test(self, runner: Runner) -> None:
        self.start(runner, summary_of_test(runner))

    def start(self, runner: Runner, summary: list[str]) -> None:
        for message in take_held_back():
            print_log(message, logger=runner.logger)  # MMEngine's line, which the filter keeps to the file
        if isinstance(sys.stdout, HostPrints):
            sys.stdout.logger = runner.logger
        for line in summary:
            runner.logger.info(line)
        self.lines.started = True
