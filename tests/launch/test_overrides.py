"""Overrides from the command line reach something or are refused."""

from __future__ import annotations

import pytest
from mmengine.config import Config

from slotcon_mm.launch.overrides import merge_overrides


def config() -> Config:
    return Config(dict(data_root="data", train_dataloader=dict(batch_size=4, dataset=dict(data_root="data"))))


def test_an_override_of_what_the_runner_reads_is_merged():
    cfg = config()
    merge_overrides(cfg, {"train_dataloader.batch_size": 2, "randomness.seed": 5, "find_unused_parameters": True})
    assert cfg.train_dataloader.batch_size == 2
    assert cfg.randomness.seed == 5


def test_a_variable_that_nothing_reads_is_refused_with_the_place_that_is_read():
    with pytest.raises(ValueError, match=r"got data_root, which nothing reads: .*train_dataloader.dataset.data_root="):
        merge_overrides(config(), {"data_root": "elsewhere"})


def test_a_name_that_is_nowhere_is_refused():
    with pytest.raises(ValueError, match=r"nothing in .* is called so"):
        merge_overrides(config(), {"batch_size_typo": 3})


def test_no_overrides_are_fine():
    merge_overrides(config(), None)
