"""A run of another length than its config's."""

from __future__ import annotations

from typing import Any

from slotcon_mm.launch.configs import read_config

__all__ = ["length_options"]

LONGEST_WARMUP = 1 / 4  # of the run


def length_options(config: str, epochs: int | None) -> dict[str, Any]:
    """Overrides that give a pretraining config so many epochs, with a warm-up of at most a quarter of them.

    Args:
        config: A file.
        epochs: None: the config's own, and no override.
    """
    if epochs is None:
        return {}
    warmup = (read_config(config).get("param_scheduler") or {}).get("warmup")
    shorter = {} if warmup is None else {"param_scheduler.warmup": min(warmup, LONGEST_WARMUP * epochs)}
    return {"train_cfg.max_epochs": epochs, **shorter}
