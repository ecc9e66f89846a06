"""A training from what it starts from to its end, for programs that have nothing to do in between."""

from __future__ import annotations

from mmengine.runner import Runner

from slotcon_mm.launch.runner import build_runner
from slotcon_mm.launch.start_checks import check_start
from slotcon_mm.launch.training import Start, lock_for_training, train

__all__ = ["run_training"]


def run_training(start: Start, *, is_over: bool = False) -> Runner:
    """The runner, whose work dir nobody else trains in meanwhile; what is over is checked and not trained."""
    lock = lock_for_training(start.config)
    try:
        runner = build_runner(start.config, start.notes)
        check_start(runner, start.weights)
        if not is_over:
            train(runner)
    finally:
        del lock
    return runner
