"""The table of descriptions in its four forms."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

from slotcon_mm.evaluation.frozen.describe import Description
from slotcon_mm.evaluation.frozen.description_table import (
    DescribedRow,
    as_csv,
    as_json,
    as_markdown,
    as_text,
    statement,
    write_descriptions,
)

NAN = float("nan")
ONE = Description(37.25, 512, 0.7, 0.0002, 100.5, 6.0, 256, 200)
ROWS = [
    DescribedRow("runs/a|b", 320, [ONE, ONE._replace(rank=38.75, agreement=0.72, chance=0.0004)]),
    DescribedRow("plain", 320, [ONE._replace(used_prototypes=NAN, prototypes_an_image=NAN, prototypes=0)] * 2),
]


def columns(line: str) -> list[str]:
    return [part.strip() for part in line.split("  ") if part.strip()]


def test_the_text_has_what_each_number_can_be_at_most_and_nothing_where_there_are_no_prototypes():
    head, rule, one, other = as_text(ROWS).splitlines()[:4]
    assert len({len(head), len(rule), len(one), len(other)}) == 1
    titles = ["weights, without labels", "feature rank", "same neighbor, in %", "prototypes in use", "an image uses"]
    assert columns(head) == titles
    assert columns(one) == ["runs/a|b", "38.0 ± 1.1 of 512", "71.0 ± 1.4", "100.5 ± 0.0 of 256", "6.0 ± 0.0"]
    assert columns(other) == ["plain", "37.2 ± 0.0 of 512", "70.0 ± 0.0", "-", "-"]


def test_sizes_stand_where_they_differ():
    assert "size" not in as_text(ROWS)
    assert columns(as_text([ROWS[0], ROWS[1]._replace(size=448)]).splitlines()[3])[:2] == ["plain", "448"]


def test_the_statement_says_what_chance_is_what_the_numbers_do_not_tell_and_how_to_know_more():
    said = " ".join(statement(ROWS).split())
    for words in (
        "200 images without labels", "0.02 to 0.04 % would be the same", "rise for reasons that do not help",
        "never different networks", "Labels tell more: with --labels FOLDER_OR_JSON and --classes FILE",
    ):  # fmt: skip
        assert words in said
    alone = [DescribedRow("a", 320, [ONE._replace(images=1)])]
    assert statement(alone).startswith("Measured on 1 image without labels; of neighbors drawn at random, 0.02 % ")
    assert max(map(len, statement(ROWS).splitlines())) <= 120


def test_no_number_is_the_best_in_markdown_and_names_do_not_break_the_table():
    lines = as_markdown(ROWS).splitlines()
    assert lines[1] == "| --- | ---: | ---: | ---: | ---: |"
    assert lines[2] == "| runs/a\\|b | 38.0 ± 1.1 of 512 | 71.0 ± 1.4 | 100.5 ± 0.0 of 256 | 6.0 ± 0.0 |"
    assert "**" not in as_markdown(ROWS)
    assert statement(ROWS) in as_markdown(ROWS)


def test_csv_and_json_have_every_number_and_agree():
    table = list(csv.DictReader(io.StringIO(as_csv(ROWS, (0, 1)))))
    content = json.loads(as_json(ROWS, dict(pixels=7)))
    assert content["protocol"] == dict(pixels=7)
    assert content["statement"] == statement(ROWS)
    assert len(table) == 2 * 4 * 2
    for given, row in zip(ROWS, content["rows"], strict=True):
        assert (row["weights"], row["size"]) == (given.name, 320)
        assert (row["full_rank"], row["prototypes"]) == (512, given.descriptions[0].prototypes)
        assert row["chance"] == [100 * one.chance for one in given.descriptions]
        for name, values in row["measures"].items():
            factor = 100 if name == "agreement" else 1
            expected = [factor * getattr(one, name) for one in given.descriptions]
            of_csv = [line for line in table if (line["weights"], line["measure"]) == (given.name, name)]
            assert [line["seed"] for line in of_csv] == ["0", "1"]
            for value, of_json, line in zip(expected, values, of_csv, strict=True):
                if math.isnan(value):
                    assert (of_json, line["value"]) == (None, "nan")
                else:
                    assert of_json == float(line["value"]) == value
    assert {line["most"] for line in table if line["measure"] == "rank"} == {"512"}


def test_all_forms_are_written(tmp_path: Path):
    write_descriptions(ROWS, tmp_path / "new", dict(pixels=7), (0, 1))
    texts = {path.name: path.read_text() for path in (tmp_path / "new").iterdir()}
    assert texts == {
        "evaluation.txt": as_text(ROWS), "evaluation.md": as_markdown(ROWS), "evaluation.csv": as_csv(ROWS, (0, 1)),
        "evaluation.json": as_json(ROWS, dict(pixels=7)),
    }  # fmt: skip


def test_a_table_of_no_rows_is_empty():
    assert as_text([]) == ""
