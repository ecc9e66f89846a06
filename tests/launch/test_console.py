"""What reaches the console, and what the log file only."""

from __future__ import annotations

import logging
import sys
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest

from slotcon_mm.host_chatter import held_back
from slotcon_mm.launch import console
from slotcon_mm.launch.console import PACKAGE, ConsoleHook, hosts_kept_quiet, show_user_lines

OURS, HOSTS = f"{PACKAGE}/launch/runner.py", "/site-packages/mmengine/runner/runner.py"


@pytest.fixture
def logger(tmp_path: Path) -> logging.Logger:
    found = logging.Logger("a run")
    found.addHandler(logging.StreamHandler(StringIO()))
    found.addHandler(logging.FileHandler(tmp_path / "run.log"))
    return found


def say(logger: logging.Logger, level: int, path: str, message: str) -> None:
    logger.handle(logging.LogRecord("a run", level, path, 1, message, None, None))


def said(logger: logging.Logger) -> tuple[list[str], list[str]]:
    """Lines on the console, and in the file."""
    stream, file = logger.handlers
    return stream.stream.getvalue().splitlines(), Path(file.baseFilename).read_text().splitlines()


def test_before_the_start_only_the_packages_lines_and_warnings_are_shown(logger):
    show_user_lines(logger)
    say(logger, logging.INFO, OURS, "data: 3 images")
    say(logger, logging.INFO, HOSTS, "System environment: ...")
    say(logger, logging.WARNING, HOSTS, "the model has no parameters")
    say(logger, logging.WARNING, HOSTS, '"FileClient" will be deprecated in future')
    shown, kept = said(logger)
    assert shown == ["data: 3 images", "the model has no parameters"]
    assert len(kept) == 4


def test_after_it_progress_is_shown_and_chatter_is_not(logger):
    lines = show_user_lines(logger)
    lines.started = True
    say(logger, logging.INFO, HOSTS, "Epoch(train) [1][1/4]")
    say(logger, logging.INFO, HOSTS, "Exp name: a")
    shown, kept = said(logger)
    assert shown == ["Epoch(train) [1][1/4]"]
    assert len(kept) == 2


def test_a_logger_that_is_used_again_starts_anew(logger):
    show_user_lines(logger).started = True
    lines = show_user_lines(logger)
    say(logger, logging.INFO, HOSTS, "System environment: ...")
    assert said(logger)[0] == []
    lines.started = True
    say(logger, logging.INFO, HOSTS, "Epoch(val) [1][1/4]")
    assert said(logger)[0] == ["Epoch(val) [1][1/4]"]


@pytest.mark.parametrize("moment", ["train", "test"])
def test_the_summary_comes_first_and_opens_the_console(logger, monkeypatch, moment):
    monkeypatch.setattr(
        console, f"summary_of_{'training' if moment == 'train' else moment}", lambda runner: ["work dir: w"]
    )
    held_back.append("mmcv: no operators")
    lines = show_user_lines(logger)
    getattr(ConsoleHook(lines), f"before_{moment}")(SimpleNamespace(logger=logger))
    assert lines.started
    assert said(logger) == (["work dir: w"], ["mmcv: no operators", "work dir: w"])
    assert sys.modules["slotcon_mm.host_chatter"].held_back == []


def test_prints_of_the_hosts_go_to_the_file_and_others_to_the_console(logger, capsys, monkeypatch):
    monkeypatch.setattr(console, "summary_of_test", lambda runner: [])
    with hosts_kept_quiet():
        print("loading annotations into memory...")
        print("a table")
        ConsoleHook(show_user_lines(logger)).before_test(SimpleNamespace(logger=logger))
        print("Done (t=0.12s)", end="\n\n")
        print("[>>>> ] 1/4", end="")
        print("\r[>>>>>] 2/4")
        print()
    print("Done (t=1.00s) elsewhere")
    assert capsys.readouterr().out == "a table\n[>>>> ] 1/4\r[>>>>>] 2/4\n\nDone (t=1.00s) elsewhere\n"
    shown, kept = said(logger)
    assert shown == []
    assert kept == ["loading annotations into memory...", "Done (t=0.12s)"]
