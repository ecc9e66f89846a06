"""The validation of a training loop that can be resumed."""

from __future__ import annotations

from typing import Any

__all__ = ["validate_if_due"]


def validate_if_due(loop: Any, done: int, whole: int) -> None:
    """Validates as MMEngine's loops do, and notes for the checkpoint behind it that it was done.

    Args:
        loop: PlacedEpochTrainLoop or PlacedIterTrainLoop.
        done: Its epochs, or its steps.
        whole: How many there will be.
    """
    loop._decide_current_val_interval()
    due = done % loop.val_interval == 0 or done == whole
    if loop.runner.val_loop is not None and done >= loop.val_begin and due:
        loop.validated = done
        loop.runner.val_loop.run()
