"""A metric's file is there before a run begins."""

from __future__ import annotations

import pytest
from mmengine.config import Config

from slotcon_mm.launch.labeled_data.evaluator_files import expect_evaluator_file


def test_an_absent_file_is_named_with_its_key_and_what_to_set(tmp_path):
    absent = str(tmp_path / "nothere.json")
    with pytest.raises(ValueError, match=r"as val_evaluator.ann_file, got .*nothere.json.* of val_dataloader.dataset"):
        expect_evaluator_file(Config(dict(val_evaluator=dict(type="CocoMetric", ann_file=absent))), "val_evaluator")
    metrics = [dict(type="DumpDetResults"), dict(type="CocoMetric", ann_file=absent)]
    with pytest.raises(ValueError, match=r"as test_evaluator.1.ann_file, got"):
        expect_evaluator_file(Config(dict(test_evaluator=metrics)), "test_evaluator")


def test_a_file_that_is_there_and_one_on_another_machine_pass(tmp_path):
    (tmp_path / "a.json").touch()
    for metric in (
        None,
        dict(type="VOCMetric"),
        dict(type="CocoMetric", ann_file=None),
        dict(type="CocoMetric", ann_file=str(tmp_path / "a.json")),
        dict(type="CocoMetric", ann_file="s3://bucket/a.json"),
        dict(type="CocoMetric", ann_file="a.json", backend_args=dict(backend="petrel")),
    ):
        expect_evaluator_file(Config(dict(val_evaluator=metric)), "val_evaluator")
