"""Numbers out of the logs and into the table."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from slotcon_mm.evaluation.transfer_table import PAPER, Result, read_metrics, write_tables


def log(folder: Path, *lines: dict) -> None:
    (folder / "vis_data").mkdir(parents=True)
    (folder / "vis_data/scalars.json").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_the_last_evaluation_of_the_newest_log_that_has_one_counts(tmp_path):
    log(tmp_path / "20260101_000000", {"coco/bbox_mAP": 0.1, "coco/segm_mAP": 0.05}, {"loss": 1})
    log(tmp_path / "20260102_000000", {"coco/bbox_mAP": 0.2}, {"coco/bbox_mAP": 0.41, "coco/segm_mAP": 0.37}, {"lr": 1})
    log(tmp_path / "20260103_000000", {"loss": 2})
    assert read_metrics(tmp_path) == pytest.approx({"box AP": 41.0, "mask AP": 37.0})


def test_mmsegs_percent_stay_percent(tmp_path):
    log(tmp_path / "20260101_000000", {"aAcc": 90.0, "mIoU": 71.6})
    assert read_metrics(tmp_path) == {"mIoU": 71.6}


def test_a_run_without_an_evaluation_has_no_metrics(tmp_path):
    assert read_metrics(tmp_path) == {}


def test_the_table_has_means_over_seeds_and_marks_what_is_the_papers(tmp_path):
    benchmark = "fcn_r50-d16_voc12aug-513x513_30k"
    results = [*PAPER, *(Result("mine", benchmark, "mIoU", value, seed) for seed, value in enumerate((60.0, 62.0)))]
    table = write_tables(results, tmp_path)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    column = rows[0].index(f"{benchmark}, mIoU")
    cells = {row[0]: row[column] for row in rows[2:]}
    assert cells["mine"] == "61.0 ± 1.4 (2 seeds)"
    assert cells["SlotCon, COCO, 800 epochs (the paper's)"] == "71.6"
    assert cells["SlotCon, COCO+, 800 epochs (the paper's)"] == ""
    of_vit = rows[0].index("upernet_vit-b16_ade20k-512x512_160k, mIoU")
    assert [row[of_vit] for row in rows[2:] if row[of_vit]] == ["49.1"]
    with (tmp_path / "transfer.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert {line["origin"] for line in lines if line["pretraining"] == "mine"} == {"measured"}
    assert {line["origin"] for line in lines if line["pretraining"] != "mine"} == {"paper"}
