"""The schedules of a config, of which MMEngine takes one or a list, and what of them lies beyond the end of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slotcon_mm.config_nodes import short_type

__all__ = ["schedules_of_config", "what_schedules_miss"]

UNBOUNDED = 10**9  # MMEngine's INF, the end of a schedule without one


def schedules_of_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """By their dotted keys, as ``--cfg-options`` takes them."""
    given = config.get("param_scheduler") or []
    if isinstance(given, list | tuple):
        return {f"param_scheduler.{number}": schedule for number, schedule in enumerate(given)}
    return {"param_scheduler": given}


def what_schedules_miss(config: Mapping[str, Any], epochs: int, iterations: int) -> list[str]:
    """A line for each schedule whose milestones, beginning or end lie beyond the end of the run."""
    notes = []
    for place, schedule in schedules_of_config(config).items():
        length, unit = (epochs, "epochs") if schedule.get("by_epoch", True) else (iterations, "iterations")
        if late := late_places(schedule, length):
            notes.append(
                f"{place} ({schedule.get('type')}) reaches {', '.join(map(str, late))} {unit}, and the run ends after "
                f"{length}: {quantity_of(schedule)} will not take the course that the config says. Set its numbers "
                f"for this length (--cfg-options {place}...=...)"
            )
    return notes


def late_places(schedule: Mapping[str, Any], length: int) -> list[int]:
    """Where a schedule acts, as its numbers say, that a run of this ``length`` does not reach."""
    begin = schedule.get("begin") or 0
    acts = [*(schedule.get("milestones") or []), *([begin] if begin else [])]
    if step_size := schedule.get("step_size"):
        acts.append(begin + step_size)
    if periods := schedule.get("periods"):
        acts += [begin + sum(periods[: i + 1]) for i in range(len(periods) - 1)]  # restarts
    ends = [schedule.get("end"), schedule.get("total_steps"), begin + sum(periods or [])]
    if schedule.get("T_max"):
        ends.append(begin + schedule["T_max"])
    late = {act for act in acts if act >= length} | {end for end in ends if end and length < end < UNBOUNDED}
    return sorted(late)


def quantity_of(schedule: Mapping[str, Any]) -> str:
    kind = short_type(schedule)
    return "the momentum" if "Momentum" in kind else "weight decay" if "WeightDecay" in kind else "the learning rate"
