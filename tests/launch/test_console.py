"""What reaches the console, and what the log file only."""

from __future__ import annotations

import importlib
import logging
import sys
import warnings
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest

from slotcon_mm.launch import console
from slotcon_mm.launch.console import ConsoleHook, hosts_kept_quiet, last_paragraph, show_user_lines

OURS, HOSTS = console.__file__, "/site-packages/mmengine/runner/runner.py"


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
    what = "training" if moment == "train" else "test"
    monkeypatch.setattr(console, f"summary_of_{what}", lambda runner: ["work dir: w"])
    lines = show_user_lines(logger)
    getattr(ConsoleHook(lines), f"before_{moment}")(SimpleNamespace(logger=logger))
    assert lines.started
    assert said(logger) == (["work dir: w"], ["work dir: w"])


def test_a_summary_that_fails_ends_no_run(logger, monkeypatch):
    def fail(runner: object) -> list[str]:
        raise AttributeError("batch_size")

    monkeypatch.setattr(console, "summary_of_training", fail)
    lines = show_user_lines(logger)
    ConsoleHook(lines).before_train(SimpleNamespace(logger=logger))
    assert lines.started
    assert said(logger)[0] == ["what runs could not be summed up (AttributeError: batch_size)"]


def test_a_users_own_code_is_heard_at_any_time(logger):
    show_user_lines(logger)
    say(logger, logging.INFO, "/home/me/slotcon_mm_extra/hooks.py", "my hook is ready")
    assert said(logger)[0] == ["my hook is ready"]


# What is printed ----------------------------------------------------------------------------------------------------


def test_prints_of_the_hosts_go_to_the_file_and_others_to_the_console(logger, capsys):
    with hosts_kept_quiet():
        print("loading annotations into memory...")
        print("a table")
        show_user_lines(logger)
        print("Done (t=0.12s)", end="\n\n")
        print("[>>>> ] 1/4", end="")
        print("\r[>>>>>] 2/4")
        print("value:", end=" ")
        print("Done (t=3) is part of that line")
        print("Done (t=0.10s)\nan important line")
        print()
    print("Done (t=1.00s) elsewhere")
    assert capsys.readouterr().out.splitlines() == [
        "a table", "", "[>>>> ] 1/4", "[>>>>>] 2/4", "value: Done (t=3) is part of that line", "an important line", "",
        "Done (t=1.00s) elsewhere",
    ]  # fmt: skip
    assert said(logger) == ([], ["loading annotations into memory...", "Done (t=0.12s)", "Done (t=0.10s)"])


def test_the_console_answers_for_everything_else(capfd):
    with hosts_kept_quiet():
        assert sys.stdout.encoding == sys.__stdout__.encoding
        assert sys.stdout.writable()
        assert sys.stdout.isatty() == sys.__stdout__.isatty()
        sys.stdout.flush()


def test_warnings_that_are_chatter_go_to_the_file_at_any_time_and_others_are_shown(logger, monkeypatch):
    shown: list[str] = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *_: shown.append(str(message)))
    mine = warnings.showwarning
    host = "/site-packages/mmcv/cnn/bricks/transformer.py"
    chatter = "Fail to import ``MultiScaleDeformableAttention``"
    with hosts_kept_quiet():
        warnings.showwarning(chatter, UserWarning, host, 33)
        show_user_lines(logger)
        warnings.showwarning(chatter, UserWarning, host, 34)
        warnings.showwarning("news", UserWarning, host, 35)
        warnings.showwarning(chatter, UserWarning, "/home/me/mine.py", 1)
    assert warnings.showwarning is mine
    assert shown == ["news", chatter]
    assert [line.partition(" UserWarning: ")[0] for line in said(logger)[1]] == [f"{host}:33:", f"{host}:34:"]


def test_what_setuptools_says_where_mmengine_loads_it_anew_is_chatter(monkeypatch):
    pkg_resources = pytest.importorskip("pkg_resources")
    shown: list[str] = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *_: shown.append(str(message)))
    with warnings.catch_warnings(), hosts_kept_quiet():
        warnings.simplefilter("always")
        importlib.reload(pkg_resources)  # as mmengine.utils.is_installed does
    assert [text for text in shown if text.startswith("pkg_resources is deprecated")] == []


def test_everything_is_put_back_after_an_error(capsys):
    before = sys.stdout, warnings.showwarning
    with pytest.raises(ValueError, match="broken"), hosts_kept_quiet():
        raise ValueError("broken")
    assert (sys.stdout, warnings.showwarning) == before


def test_of_an_error_in_a_worker_its_own_message_is_told_and_any_other_as_it_is():
    told = "Caught ValueError in DataLoader worker process 0.\nOriginal Traceback:\n  File\nValueError: a.png: no map"
    assert last_paragraph(ValueError(told)) == "a.png: no map"
    assert last_paragraph(ValueError("one\ntwo: three")) == "one\ntwo: three"
    assert last_paragraph(ValueError()) == ""
