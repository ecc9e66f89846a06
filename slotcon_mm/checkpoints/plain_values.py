"""A runner's state as a checkpoint holds it: tensors and plain Python values, which torch's safe loader reads."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.logging import HistoryBuffer

from slotcon_mm.checkpoints.old_names import SCALARS, renamed

__all__ = ["WINDOWS", "log_windows", "longest_window", "plain_values", "restore_log_windows"]

WINDOWS = "log_windows"  # key in a checkpoint's message_hub


def log_windows(scalars: dict[str, HistoryBuffer], length: int | None) -> dict[str, list[torch.Tensor]]:
    """The last ``length`` values and counts of every scalar (None: all), which the log's means are taken of."""
    start = None if length is None else -length
    return {name: [torch.from_numpy(part[start:].copy()) for part in buffer.data] for name, buffer in scalars.items()}


def restore_log_windows(hub: dict[str, Any]) -> None:
    """Back to the buffers that MMEngine's ``MessageHub.load_state_dict`` asks for, in place.

    The tensors may lie on any device: MMEngine resumes with all of a checkpoint on the GPU.
    """
    for name, (values, counts) in renamed(hub.pop(WINDOWS), SCALARS).items():
        hub["log_scalars"][name] = HistoryBuffer(values.cpu().numpy(), counts.cpu().numpy())
        hub["resumed_keys"][name] = True


def longest_window(log_processor: Any) -> int | None:
    """In iterations; None if a scalar is logged over the whole run."""
    windows = [log_processor.window_size, *(item.get("window_size", 1) for item in log_processor.custom_cfg)]
    return None if "global" in windows else max(window for window in windows if isinstance(window, int))


def plain_values(values: dict[str, Any]) -> dict[str, Any]:
    """Those entries that are numbers, strings or lists and dicts of them."""
    return {name: value for name, value in values.items() if is_plain(value)}


def is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(is_plain(key) and is_plain(item) for key, item in value.items())
    return value is None or type(value) in (bool, int, float, str)
