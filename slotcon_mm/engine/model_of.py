"""The model that a runner trains, inside of what distributes it."""

from __future__ import annotations

from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

__all__ = ["model_of"]


def model_of(runner: Runner) -> Any:
    """The model itself, whether or not a wrapper (DistributedDataParallel, say) stands around it."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
