"""The console shows a user's lines only; the log file has everything."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, TextIO

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from slotcon_mm.host_chatter import is_chatter
from slotcon_mm.launch.summary import summary_of_test, summary_of_training

__all__ = ["ConsoleHook", "HostPrints", "UserLines", "hosts_kept_quiet", "last_paragraph", "show_user_lines"]

# of a source file's path: which installed package it is part of; importlib is how mmengine reloads pkg_resources
HOSTS = re.compile(r"[/\\](mmengine|mmcv|mmpretrain|mmdet|mmseg|torch|torchvision|pycocotools|importlib)[/\\]")


class UserLines(logging.Filter):
    """Holds back what the hosts say before the run has ``started``, but for warnings, and their chatter at any time.

    Before the start MMEngine writes some 300 lines: the environment, the whole config, a table of hooks.
    """

    def __init__(self) -> None:
        super().__init__()
        self.started = False

    def filter(self, record: logging.LogRecord) -> bool:
        if not HOSTS.search(record.pathname):
            return True
        return (self.started or record.levelno >= logging.WARNING) and not is_chatter(record.getMessage())


def show_user_lines(logger: logging.Logger) -> UserLines:
    """Puts the filter on what a logger writes to the console, and sends the hosts' prints to its file."""
    lines = UserLines()
    for handler in logger.handlers:
        if not isinstance(handler, logging.FileHandler):
            for earlier in [f for f in handler.filters if isinstance(f, UserLines)]:  # a logger that is used again
                handler.removeFilter(earlier)
            handler.addFilter(lines)
    if isinstance(sys.stdout, HostPrints):
        sys.stdout.send_to(logger)
    return lines


class HostPrints:
    """In place of ``sys.stdout``: the hosts' chatter goes to the log file, a line at a time, the rest to the console.

    Args:
        console: The true one; it answers for everything but ``write``.
    """

    def __init__(self, console: TextIO) -> None:
        self.console = console
        self.logger: logging.Logger | None = None
        self.held: list[str] = []  # until there is a logger
        self.within_line = self.ends_chatter = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.console, name)

    def write(self, text: str) -> int:
        for piece in text.splitlines(keepends=True):
            if not self.within_line and is_chatter(piece):
                self.divert(piece)
                self.ends_chatter = not piece.endswith("\n")  # print writes a line's text and its end by two calls
            elif piece == "\n" and self.ends_chatter:
                self.ends_chatter = False
            else:
                self.console.write(piece)
                self.ends_chatter, self.within_line = False, not piece.endswith(("\n", "\r"))
        return len(text)

    def divert(self, text: str) -> None:
        """To the log file, or to be kept for it."""
        if self.logger is None:
            self.held.append(text.strip())
        else:
            print_log(text.strip(), logger=self.logger)  # MMEngine's line, which the filter keeps from the console

    def send_to(self, logger: logging.Logger) -> None:
        """From here on, chatter goes to this logger; what was kept goes there now."""
        self.logger = logger
        held, self.held = self.held, []
        for text in held:
            self.divert(text)


@contextmanager
def hosts_kept_quiet() -> Iterator[None]:
    """In this block, prints go through ``HostPrints``, and Python's warnings that are chatter go where they go."""
    prints = HostPrints(sys.stdout)
    show = warnings.showwarning

    def show_news(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
        line: str | None = None,
    ) -> None:  # fmt: skip
        if HOSTS.search(filename) and is_chatter(str(message)):
            prints.divert(warnings.formatwarning(message, category, filename, lineno, line))
        else:
            show(message, category, filename, lineno, file, line)

    warnings.showwarning = show_news
    try:
        with redirect_stdout(prints):  # type: ignore[type-var]
            yield
    finally:
        warnings.showwarning = show


class ConsoleHook(Hook):
    """When all is ready: sums up what is run, and lets the hosts' progress through.

    Args:
        lines: The console's filter.
    """

    priority = "VERY_LOW"

    def __init__(self, lines: UserLines) -> None:
        self.lines = lines

    def before_train(self, runner: Runner) -> None:
        self.start(runner, summary_of_training)

    def before_test(self, runner: Runner) -> None:
        self.start(runner, summary_of_test)

    def start(self, runner: Runner, summarize: Callable[[Runner], list[str]]) -> None:
        try:
            for line in summarize(runner):
                runner.logger.info(line)
        except Exception as error:  # of a host's parts that nobody has thought of: no reason to end a run
            runner.logger.warning(f"what runs could not be summed up ({type(error).__name__}: {error})")
        self.lines.started = True


def last_paragraph(error: Exception) -> str:
    """The message itself: torch puts a worker's traceback before it."""
    lines = str(error).strip().splitlines() or [""]
    return lines[-1].partition(f"{type(error).__name__}: ")[2] or str(error)
