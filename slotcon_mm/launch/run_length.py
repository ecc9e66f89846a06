"""A run of another length than its config's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slotcon_mm.launch.configs import read_config
from slotcon_mm.launch.schedules import schedules_of_config

__all__ = ["frozen_epochs", "length_options"]

LONGEST_BEGINNING = 1 / 4  # of the run: warm-up, frozen prototypes, temperature


def length_options(config: str, epochs: int | None) -> dict[str, Any]:
    """Overrides that give a pretraining config so many epochs, with a warm-up of at most a quarter of them.

    Prototypes are frozen, and the teacher's temperature rises, for at most a quarter, too, in whole epochs.

    Args:
        config: A file.
        epochs: None: the config's own, and no override.
    """
    if epochs is None:
        return {}
    given, longest = read_config(config), LONGEST_BEGINNING * epochs
    options: dict[str, Any] = {"train_cfg.max_epochs": epochs}
    for place, schedule in schedules_of_config(given).items():
        if "warmup" in schedule:
            options[f"{place}.warmup"] = min(schedule["warmup"], longest)
    rises = given.get("model", {}).get("temperature_epochs")
    if rises:
        options["model.temperature_epochs"] = min(rises, int(longest))
    options.update({key: min(frozen, int(longest)) for key, frozen in frozen_epochs(given).items()})
    return options


def frozen_epochs(config: Mapping[str, Any]) -> dict[str, int]:
    """How long a config holds prototypes, by the key of that number."""
    hooks = enumerate(config.get("custom_hooks") or [])
    return {
        f"custom_hooks.{number}.epochs": hook["epochs"]
        for number, hook in hooks
        if hook["type"] == "slotcon_mm.FrozenPrototypesHook"
    }
