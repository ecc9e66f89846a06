"""A run of another length than its config's."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import CONFIGS

from slotcon_mm.launch.configs import read_config
from slotcon_mm.launch.overrides import merge_overrides
from slotcon_mm.launch.run_length import length_options

TWO_SCHEDULES = """
model = dict(type="slotcon_mm.SlotMIM", temperature_epochs=50)
train_cfg = dict(by_epoch=True, max_epochs=800)
param_scheduler = [
    dict(type="slotcon_mm.WarmupCosineLR", warmup=10, by_epoch=True, convert_to_iter_based=True),
    dict(type="slotcon_mm.CosineWeightDecay", final=0.4, by_epoch=True, convert_to_iter_based=True),
]
custom_hooks = [dict(type="slotcon_mm.StepSeedHook"), dict(type="slotcon_mm.FrozenPrototypesHook", epochs=3)]
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "two_schedules.py"
    path.write_text(TWO_SCHEDULES)
    return str(path)


@pytest.mark.parametrize(
    ("epochs", "warmup", "frozen", "rises"), [(400, 10, 3, 50), (20, 5, 3, 5), (10, 2.5, 2, 2), (3, 0.75, 0, 0)]
)
def test_what_a_run_begins_with_takes_at_most_a_quarter_of_a_short_one(config, epochs, warmup, frozen, rises):
    shorter = read_config(config)
    merge_overrides(shorter, length_options(config, epochs))
    assert shorter.train_cfg.max_epochs == epochs
    assert [schedule.get("warmup") for schedule in shorter.param_scheduler] == [warmup, None]
    assert shorter.model.temperature_epochs == rises
    assert [hook.get("epochs") for hook in shorter.custom_hooks] == [None, frozen]


def test_one_schedule_is_shortened_too():
    options = length_options(str(CONFIGS / "slotcon_r50_coco.py"), 8)
    assert options == {"train_cfg.max_epochs": 8, "param_scheduler.warmup": 2.0}


def test_without_a_length_nothing_is_overridden(config):
    assert length_options(config, None) == {}
