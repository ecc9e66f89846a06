"""Log files may fail."""

from __future__ import annotations

import io
import logging
from contextlib import suppress

import pytest

from slotcon_mm.launch.tolerant_log import say_once_when_log_files_fail


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logger(tmp_path, screen) -> logging.Logger:
    found = logging.Logger("x", logging.INFO)
    found.addHandler(logging.FileHandler(tmp_path / "a.log"))
    found.addHandler(logging.StreamHandler(screen))
    say_once_when_log_files_fail(found)
    return found


def test_a_full_disk_is_said_once_and_the_other_handlers_go_on(logger, screen, capsys):
    with suppress(OSError), open("/dev/full", "w") as full:  # closing it fails as well
        logger.handlers[0].setStream(full)
        for text in ("one", "two", "three"):
            logger.info(text)
        logger.handlers[0].stream = None
    said = capsys.readouterr().err
    assert said.count("No space left on device") == said.count("a.log cannot be written") == 1
    assert len(said.splitlines()) == 1
    assert screen.getvalue().split() == ["one", "two", "three"]


def test_a_log_that_works_is_written(logger, tmp_path, capsys):
    logger.info("one")
    assert (tmp_path / "a.log").read_text() == "one\n"
    assert capsys.readouterr().err == ""
