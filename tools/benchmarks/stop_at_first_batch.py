"""A hook for start.py."""

from __future__ import annotations

import sys
import time
from typing import Any

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner


@HOOKS.register_module()
class StopAtFirstBatch(Hook):
    """Prints the time at which the first batch is there, and ends the program."""

    priority = "VERY_LOW"

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        print(f"first batch at {time.time()}", flush=True)
        sys.exit(0)
