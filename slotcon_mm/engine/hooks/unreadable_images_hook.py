"""Says which images were skipped."""

from __future__ import annotations

import os
from typing import Any

from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from slotcon_mm.atomic_files import write_atomically
from slotcon_mm.checks import listing
from slotcon_mm.registry import HOOKS

__all__ = ["UnreadableImagesHook"]


@HOOKS.register_module()
class UnreadableImagesHook(Hook):
    """After each epoch that found new ones: their number in the log, all of them in ``unreadable.txt`` of the work dir.

    For ``UnlabeledImageDataset(unreadable='skip')``.
    """

    def before_train(self, runner: Runner) -> None:
        self.known = 0

    def after_train_epoch(self, runner: Runner) -> None:
        dataset: Any = runner.train_dataloader.dataset
        if getattr(dataset, "unreadable", "stop") != "skip":
            return
        found = sorted({path for paths in all_gather_object(dataset.unreadable_images()) for path in paths})
        if len(found) == self.known or not is_main_process():
            return
        self.known = len(found)
        note = os.path.join(runner.work_dir, "unreadable.txt")
        write_atomically(note, b"".join(os.fsencode(path) + b"\n" for path in found))
        runner.logger.warning(
            f"{len(found)} of {len(dataset)} images could not be read and were replaced by others, all listed in "
            f"{note}: {listing(found, most=5)}"
        )
