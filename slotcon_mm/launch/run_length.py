"""A run of another length than its config's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slotcon_mm.config_nodes import dicts_within
from slotcon_mm.launch.configs import read_config

__all__ = ["length_options", "warmups_of"]

LONGEST_WARMUP = 1 / 4  # of the run


def length_options(config: str, epochs: int | None) -> dict[str, Any]:
    """Overrides that give a pretraining config so many epochs, with a warm-up of at most a quarter of them.

    Args:
        config: A file.
        epochs: None: the config's own, and no override.
    """
    if epochs is None:
        return {}
    warmups = warmups_of(read_config(config))
    return {"train_cfg.max_epochs": epochs, **{key: min(w, LONGEST_WARMUP * epochs) for key, w in warmups.items()}}


def warmups_of(config: Mapping[str, Any]) -> dict[str, float]:
    """The warm-ups of a config's schedules, in epochs, by their keys."""
    schedules = dicts_within(config.get("param_scheduler"), "param_scheduler")
    return {f"{place}.warmup": schedule["warmup"] for place, schedule in schedules if "warmup" in schedule}
