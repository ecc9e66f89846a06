"""The command line of the ten-minute tour."""

from __future__ import annotations

from pathlib import Path

import pytest

from slotcon_mm.quickstart import __main__ as main_module
from slotcon_mm.quickstart.material import GivenLabels


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
    defaults = dict(seed=3, epochs=2, lr=0.0, transfer=True, bit_depth=None, labels=None, method="slotcon")
    assert calls == [(None, Path("work_dirs/quickstart"), defaults)]
    assert "report: work_dirs/quickstart/report.html" in capsys.readouterr().out


def test_a_folder_of_ones_own_is_taken(calls, monkeypatch):
    monkeypatch.setattr("sys.argv", ["quickstart", "--data", "mine", "--work-dir", "out"])
    main_module.main()
    assert calls[0][:2] == (Path("mine"), Path("out"))


def test_labels_of_ones_own_images_are_taken(calls, monkeypatch, tmp_path):
    (tmp_path / "names.txt").write_text("road,7\ncar,9\n")
    given = ["--labels", str(tmp_path), "--classes", str(tmp_path / "names.txt"), "--image-suffix", "_x"]
    monkeypatch.setattr("sys.argv", ["quickstart", "--data", "mine", *given, "--held-out", "val"])
    main_module.main()
    label_set = dict(classes=["road", "car"], values=[7, 9])
    assert calls[0][2]["labels"] == GivenLabels(str(tmp_path), label_set, "_x", ".png", "val")


@pytest.mark.parametrize("option", ["--held-out", "--classes"])
def test_options_of_labels_ask_for_labels(option, calls, monkeypatch):
    monkeypatch.setattr("sys.argv", ["quickstart", "--data", "mine", option, "x"])
    with pytest.raises(SystemExit, match=f"error: expected --labels with {option}"):
        main_module.main()
    assert not calls


@pytest.mark.parametrize("error", [ValueError("expected images"), FileExistsError("there already")])
def test_what_a_user_can_cause_ends_in_one_line(monkeypatch, error):
    def fail(*arguments, **kwargs):
        raise error

    monkeypatch.setattr(main_module, "run_quickstart", fail)
    monkeypatch.setattr("sys.argv", ["quickstart"])
    with pytest.raises(SystemExit, match=f"error: {error}"):
        main_module.main()
