"""The model inside of what distributes it."""

from __future__ import annotations

from typing import Any

from mmengine.model import is_model_wrapper

__all__ = ["unwrapped"]


def unwrapped(model: Any) -> Any:
    """The model itself, whether or not a wrapper (DistributedDataParallel, say) stands around it."""
    return model.module if is_model_wrapper(model) else model
