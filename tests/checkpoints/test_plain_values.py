"""What is kept of a runner's state."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from slotcon_mm.checkpoints.plain_values import WINDOWS, log_windows, longest_window, plain_values, restore_log_windows


def test_only_plain_values_are_kept():
    values = dict(a=1, b=[1.5, "x", None], c=dict(d=(1, 2)), e=object(), f=[object()], g={1: "x"})
    assert set(plain_values(values)) == {"a", "b", "c", "g"}


def processor(window_size: Any = 50, *custom: dict[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(window_size=window_size, custom_cfg=list(custom))


@pytest.mark.parametrize(
    ("log_processor", "length"),
    [
        (processor(50), 50),
        (processor(10, dict(data_src="a", window_size=70), dict(data_src="b", window_size="epoch")), 70),
        (processor(10, dict(data_src="a", window_size="global")), None),
    ],
)
def test_as_many_values_are_kept_as_the_log_looks_back(log_processor, length):
    assert longest_window(log_processor) == length
    (values, counts) = log_windows(dict(a=HistoryBuffer(np.arange(90.0), np.ones(90))), length)["a"]
    assert len(values) == len(counts) == (length or 90)


class TensorElsewhere:
    """Of a device other than the CPU: numpy takes nothing of it."""

    def __init__(self, values: torch.Tensor) -> None:
        self.values = values

    def numpy(self) -> np.ndarray:
        raise TypeError("can't convert a tensor of a device to numpy")

    def cpu(self) -> torch.Tensor:
        return self.values


def test_windows_come_back_from_any_device():
    """MMEngine resumes with a checkpoint's tensors on the GPU."""
    values, counts = torch.arange(3.0, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    hub = {
        WINDOWS: dict(loss=[TensorElsewhere(values), TensorElsewhere(counts)]),
        "log_scalars": {},
        "resumed_keys": {},
    }
    restore_log_windows(hub)
    assert hub["log_scalars"]["loss"].data[0].tolist() == [0.0, 1.0, 2.0]
