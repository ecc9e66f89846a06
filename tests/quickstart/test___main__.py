"""The command line of the ten-minute tour."""

from __future__ import annotations

from pathlib import Path

import pytest

from slotcon_mm.quickstart import __main__ as main_module


@pytest.fixture
def calls(monkeypatch) -> list:
    made: list = []

    def run(data, work_dir, **kwargs):
        made.append((data, work_dir, kwargs))
        return work_dir / "report.html"

    monkeypatch.setattr(main_module, "run_quickstart", run)
    return made


def test_options_reach_the_run_and_the_report_is_named(calls, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["quickstart", "--seed", "3", "--epochs", "2", "--lr", "0", "--transfer"])
    main_module.main()
    defaults = dict(seed=3, epochs=2, lr=0.0, transfer=True, bit_depth=None)
    assert calls == [(None, Path("work_dirs/quickstart"), defaults)]
    assert "report: work_dirs/quickstart/report.html" in capsys.readouterr().out


def test_a_folder_of_ones_own_is_taken(calls, monkeypatch):
    monkeypatch.setattr("sys.argv", ["quickstart", "--data", "mine", "--work-dir", "out"])
    main_module.main()
    assert calls[0][:2] == (Path("mine"), Path("out"))


@pytest.mark.parametrize("error", [ValueError("expected images"), FileExistsError("there already")])
def test_what_a_user_can_cause_ends_in_one_line(monkeypatch, error):
    def fail(*arguments, **kwargs):
        raise error

    monkeypatch.setattr(main_module, "run_quickstart", fail)
    monkeypatch.setattr("sys.argv", ["quickstart"])
    with pytest.raises(SystemExit, match=f"error: {error}"):
        main_module.main()
