"""A log file that cannot be written is said once, not at every line."""

from __future__ import annotations

import logging
import sys

__all__ = ["say_once_when_log_files_fail"]


def say_once_when_log_files_fail(logger: logging.Logger) -> None:
    """Python's logging goes on after a failed write, but prints two tracebacks for each line."""
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            handler.handleError = OneMessage(handler)  # type: ignore[method-assign]


class OneMessage:
    """In place of ``logging.Handler.handleError``: called where a write has failed."""

    def __init__(self, handler: logging.FileHandler) -> None:
        self.path, self.said = handler.baseFilename, False

    def __call__(self, record: logging.LogRecord) -> None:
        if not self.said:
            self.said = True
            error = sys.exc_info()[1]
            print(
                f"warning: {self.path} cannot be written ({error}); training goes on, this is said once",
                file=sys.stderr,
            )
