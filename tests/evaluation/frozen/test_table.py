"""The table in its four forms."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from statistics import mean, stdev

import pytest

from slotcon_mm.evaluation.frozen.scorers import Score
from slotcon_mm.evaluation.frozen.table import Row, as_csv, as_json, as_markdown, as_text, write_tables

NAN = float("nan")
ROWS = [
    Row("runs/a|b", 320, dict(knn=[Score(0.5, (1.0, 0.0)), Score(0.52, (1.0, NAN))], discovery=[Score(NAN)] * 2)),
    Row("<c>", 448, dict(knn=[Score(0.1 + 0.2, (0.25, 0.5)), Score(0.4, (0.0, 0.0))], discovery=[Score(0.1)] * 2)),
]
SEEDS, CLASSES = (0, 1), ("cat", "dog, big")


def test_the_text_has_aligned_columns():
    lines = as_text(ROWS).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split("  ")[0] == "weights, in %"
    assert "dense k-NN" in lines[0]
    assert set(lines[1]) == {"-", " "}
    assert lines[2].startswith("runs/a|b ")
    assert lines[2].split() == ["runs/a|b", "320", "51.0", "±", "1.4", "-"]
    assert lines[3].split() == ["<c>", "448", "35.0", "±", "7.1", "10.0", "±", "0.0"]


def test_whose_weights_were_measured_is_said_below():
    rows = [row._replace(origin=origin) for row, origin in zip(ROWS, ("teacher, step 4", ""), strict=True)]
    assert as_text(rows) == as_text(ROWS) + "runs/a|b: teacher, step 4\n"
    origins = [row["origin"] for row in json.loads(as_json(rows, {}, CLASSES))["rows"]]
    assert origins == ["teacher, step 4", None]


def test_one_seed_has_no_deviation_and_one_size_no_column():
    assert as_text([Row("a", 320, dict(probe=[Score(0.123)]))]).splitlines()[2].split() == ["a", "12.3"]


def test_the_best_of_each_column_is_bold_in_markdown_and_names_do_not_break_the_table():
    head, rule, one, other = as_markdown(ROWS).splitlines()
    assert head == "| weights, in % | size | dense k-NN | discovery |"
    assert rule == "| --- | ---: | ---: | ---: |"
    assert one == "| runs/a\\|b | 320 | **51.0 ± 1.4** | - |"
    assert other == "| <c> | 448 | 35.0 ± 7.1 | **10.0 ± 0.0** |"
    assert "**" not in as_markdown(ROWS[:1])
    assert "**" not in as_markdown([Row(name, 320, dict(discovery=[Score(NAN)])) for name in "ab"])


def test_csv_and_json_have_every_number_to_the_last_bit_and_agree():
    table = list(csv.DictReader(io.StringIO(as_csv(ROWS, SEEDS))))
    rows = json.loads(as_json(ROWS, dict(pixels=7), CLASSES))["rows"]
    for row, given in zip(rows, ROWS, strict=True):
        assert (row["weights"], row["size"]) == (given.name, given.size)
        for measure, scores in given.scores.items():
            of_csv = [line for line in table if (line["weights"], line["measure"]) == (given.name, measure)]
            assert [line["seed"] for line in of_csv] == ["0", "1"]
            assert {line["size"] for line in of_csv} == {str(given.size)}
            for line, of_json, score in zip(of_csv, row["measures"][measure]["values"], scores, strict=True):
                if math.isnan(score.value):
                    assert (line["percent"], of_json) == ("nan", None)
                else:
                    assert float(line["percent"]) == of_json == 100 * score.value
    assert rows[0]["measures"]["knn"]["by_class"] == [
        {"cat": 100, "dog, big": 0},
        {"cat": 100, "dog, big": None},
    ]
    assert rows[0]["measures"]["discovery"]["by_class"] == []


def test_the_means_of_text_and_markdown_are_those_of_the_numbers():
    values = ROWS[0].percent("knn")
    said = f"{mean(values):.1f} ± {stdev(values):.1f}"
    assert said in as_text(ROWS)
    assert said in as_markdown(ROWS)


def test_all_forms_are_written_with_the_protocol(tmp_path: Path):
    write_tables(ROWS, tmp_path / "new/folder", dict(pixels=7, data=dict(train="x")), CLASSES, SEEDS)
    folder = tmp_path / "new/folder"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"evaluation.{end}" for end in ("csv", "json", "md", "txt")
    ]
    assert (folder / "evaluation.txt").read_text() == as_text(ROWS)
    assert (folder / "evaluation.md").read_text() == as_markdown(ROWS)
    assert (folder / "evaluation.csv").read_text() == as_csv(ROWS, SEEDS)
    assert json.loads((folder / "evaluation.json").read_text())["protocol"] == dict(pixels=7, data=dict(train="x"))


def test_a_number_of_scores_that_is_not_that_of_the_seeds_is_a_fault():
    with pytest.raises(ValueError, match="zip"):
        as_csv(ROWS, (0, 1, 2))
