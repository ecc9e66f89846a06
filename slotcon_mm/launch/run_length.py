"""A run of another length than its config's."""

from __future__ import annotations

from typing import Any

from slotcon_mm.launch.configs import read_config
from slotcon_mm.launch.schedules import schedules_of_config

__all__ = ["length_options"]

LONGEST_BEGINNING = 1 / 4  # of the run: warm-up, and frozen prototypes


def length_options(config: str, epochs: int | None) -> dict[str, Any]:
    """Overrides that give a pretraining config so many epochs, with a warm-up of at most a quarter of them.

    Prototypes are frozen for at most a quarter, too, in whole epochs.

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
    for number, hook in enumerate(given.get("custom_hooks") or []):
        if hook["type"] == "slotcon_mm.FrozenPrototypesHook":
            options[f"custom_hooks.{number}.epochs"] = min(hook["epochs"], int(longest))
    return options
