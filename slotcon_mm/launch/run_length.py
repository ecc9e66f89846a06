"""A run of another length than its config's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slotcon_mm.config_nodes import short_type
from slotcon_mm.launch.configs import read_config
from slotcon_mm.launch.schedules import schedules_of_config

__all__ = ["beginning_options", "frozen_epochs", "length_options"]

LONGEST_BEGINNING = 1 / 4  # of the run: warm-up, frozen prototypes, temperature


def length_options(config: str, epochs: int | None) -> dict[str, Any]:
    """Overrides that give a pretraining config so many epochs, and what it begins with its share of them.

    Args:
        config: A file.
        epochs: None: the config's own, and no override.
    """
    if epochs is None:
        return {}
    return {"train_cfg.max_epochs": epochs, **beginning_options(read_config(config), epochs)}


def beginning_options(config: Mapping[str, Any], epochs: int) -> dict[str, Any]:
    """Overrides where a warm-up, frozen prototypes or a rising temperature would take more than a quarter of a run.

    The latter two are in whole epochs.
    """
    longest = LONGEST_BEGINNING * epochs
    given = {
        f"{place}.warmup": (schedule["warmup"], longest)
        for place, schedule in schedules_of_config(config).items()
        if "warmup" in schedule and schedule.get("by_epoch")
    }
    rises = config.get("model", {}).get("temperature_epochs") or 0
    given["model.temperature_epochs"] = (rises, int(longest))
    given.update({key: (frozen, int(longest)) for key, frozen in frozen_epochs(config).items()})
    return {key: most for key, (asked, most) in given.items() if asked > most}


def frozen_epochs(config: Mapping[str, Any]) -> dict[str, int]:
    """How long a config holds prototypes, by the key of that number."""
    hooks = enumerate(config.get("custom_hooks") or [])
    return {
        f"custom_hooks.{number}.epochs": hook["epochs"]
        for number, hook in hooks
        if short_type(hook) == "FrozenPrototypesHook"
    }
