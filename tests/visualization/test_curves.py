"""Curves of a run."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest
from PIL import Image

from slotcon_mm.visualization.curves import append_curves, read_curves, write_curves


def test_a_panel_for_each_curve_is_drawn(tmp_path: Path):
    sizes = []
    for names in (["loss"], ["loss_group", "loss_slot", "other"]):
        write_curves(tmp_path / "c.png", {name: (range(1, 4), [2.0, 1.0, math.nan]) for name in names}, across="step")
        sizes.append(Image.open(tmp_path / "c.png").size)
    assert sizes[1][0] == pytest.approx(3 * sizes[0][0], abs=3)
    assert sizes[0][1] == sizes[1][1]
    assert [path.name for path in tmp_path.iterdir()] == ["c.png"]


def test_scores_are_kept_to_the_last_bit_epoch_after_epoch(tmp_path: Path):
    path = tmp_path / "evaluation.csv"
    assert read_curves(path) == {}
    assert append_curves(path, 2, {"dense k-NN": 100 / 3, "linear probe": 0.1 + 0.2}) == read_curves(path)
    curves = append_curves(path, 4, {"dense k-NN": 1e-9, "linear probe": math.inf})
    assert curves == {"dense k-NN": ([2, 4], [100 / 3, 1e-9]), "linear probe": ([2, 4], [0.1 + 0.2, math.inf])}
    with path.open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["2", "4"]


def test_a_run_that_is_resumed_replaces_the_epochs_that_it_repeats(tmp_path: Path):
    for epoch in (1, 2, 3, 4):
        append_curves(tmp_path / "e.csv", epoch, {"a": float(epoch)})
    assert append_curves(tmp_path / "e.csv", 3, {"a": 30.0}) == {"a": ([1, 2, 3], [1, 2, 30])}


def test_a_run_that_begins_replaces_all(tmp_path: Path):
    for epoch in (1, 2, 9):
        append_curves(tmp_path / "e.csv", epoch, {"a": float(epoch)})
    assert append_curves(tmp_path / "e.csv", 5, {"a": 50.0}, anew=True) == {"a": ([5], [50])}


def test_a_measure_that_is_new_is_nan_before_and_one_that_is_gone_is_left_out(tmp_path: Path):
    append_curves(tmp_path / "e.csv", 1, {"a": 1.0, "b": 2.0})
    curves = append_curves(tmp_path / "e.csv", 2, {"b": 3.0, "c, d": 4.0})
    assert [*curves] == ["b", "c, d"]
    assert curves["b"] == ([1, 2], [2, 3])
    assert math.isnan(curves["c, d"][1][0])
    assert curves["c, d"][1][1] == 4


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "epoch;a\n1;2\n", "epoch,a\nlast,2\n"])
def test_another_table_is_refused_and_stays_as_it_is(tmp_path: Path, text: str):
    path = tmp_path / "e.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"the column 'epoch' in .*e.csv, got another one: move it away"):
        append_curves(path, 1, {"a": 1.0})
    assert path.read_text() == text
