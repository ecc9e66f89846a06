"""Configs as data."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from slotcon_mm.checkpoints.plain_config import read_plain_config

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize("name", ["slotcon_r50_coco.py", "slotcon_r18_quickstart.py"])
def test_what_mmengine_writes_out_is_read_back(name):
    config = Config.fromfile(CONFIGS / name)
    assert Config(read_plain_config(config.pretty_text)).to_dict() == config.to_dict()


def test_keys_that_are_no_names_are_read_back():
    config = Config(dict(label_set=dict(values={"a b": [1, 2], "c": 5})))
    assert "dict({" in config.pretty_text  # how MMEngine writes them
    assert read_plain_config(config.pretty_text) == config.to_dict()


@pytest.mark.parametrize(
    "text",
    [
        "x = __import__('os').system('true')",
        "import os",
        "x = dict(a=open('f'))",
        "x = [i for i in range(3)]",
        "x = dict({'a': open('f')})",
        "x = dict([('a', 1)])",
        "x = dict({'a': 1}, b=2)",
        "x = f'{1}'",
        "x.y = 1",
        "x = (",
        "x = {[1]: 2}",
        "x = {**{}}",
        "x = {{1}}",
        "x = 1" + "0" * 5000,
        "x = \0",
        pytest.param("x = " + "[" * 5000 + "]" * 5000, id="deep lists"),
        pytest.param("x = " + "-" * 100_000 + "1", id="deep numbers"),
        pytest.param("x = " + "dict(a=" * 180 + "1" + ")" * 180 + "\ny = " + "(" * 5000, id="deep dicts"),
        pytest.param("x = '" + "a" * 1_000_000 + "'", id="long"),
    ],
)
def test_anything_that_would_run_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        read_plain_config(text)
