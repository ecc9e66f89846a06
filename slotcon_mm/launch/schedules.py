"""The schedules of a config, of which MMEngine takes one or a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["schedules_of_config"]


def schedules_of_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """By their dotted keys, as ``--cfg-options`` takes them."""
    given = config.get("param_scheduler") or []
    if isinstance(given, list | tuple):
        return {f"param_scheduler.{number}": schedule for number, schedule in enumerate(given)}
    return {"param_scheduler": given}
