"""Checkpoints that torch's safe loader reads anywhere, and which of them are kept."""

from __future__ import annotations

import os
from collections import deque
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from slotcon_mm.registry import HOOKS

__all__ = ["PlainCheckpointHook", "plain_values"]


@HOOKS.register_module()
class PlainCheckpointHook(CheckpointHook):
    """MMEngine's CheckpointHook whose files hold tensors and plain Python values only.

    MMEngine's own put a HistoryBuffer in, which torch 2.6 and later refuse to load. The log's smoothing windows are
    what is lost by leaving it out. The old file goes after the new one is there (MMEngine: before).

    Args:
        keep_every: Files of every ``keep_every``-th epoch (or iteration) stay for good; 0: none.
        **kwargs: Of MMEngine's CheckpointHook.
    """

    max_keep_ckpts: int
    keep_ckpt_ids: deque[int]

    def __init__(self, *args: Any, keep_every: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if keep_every < 0:
            raise ValueError(f"expected keep_every of 0 or more, got {keep_every}")
        self.keep_every = keep_every

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        info = plain_values(checkpoint["message_hub"]["runtime_info"])
        # MMEngine's resume asks for the three keys
        checkpoint["message_hub"] = dict(log_scalars={}, runtime_info=info, resumed_keys=dict.fromkeys(info, True))

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        # MMEngine runs meta['config'] as Python if there is one (it writes meta['cfg'])
        checkpoint.get("meta", {}).pop("config", None)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, Any]) -> None:
        outdated = self._rotate(runner, step) if self.max_keep_ckpts > 0 else []
        keep, self.max_keep_ckpts = self.max_keep_ckpts, -1
        try:
            super()._save_checkpoint_with_step(runner, step, meta)
        finally:
            self.max_keep_ckpts = keep
        for old in outdated:
            self._remove(old)

    def _rotate(self, runner: Runner, step: int) -> list[int]:
        """Notes ``step`` as kept, in the new file too, and returns those that it replaces."""
        kept = [kept_step for kept_step in self.keep_ckpt_ids if kept_step != step] + [step]
        self.keep_ckpt_ids = deque(kept[-self.max_keep_ckpts :])
        runner.message_hub.update_info("keep_ckpt_ids", list(self.keep_ckpt_ids))
        return kept[: -self.max_keep_ckpts]

    def _remove(self, step: int) -> None:
        if self.keep_every and step % self.keep_every == 0:
            return
        path = os.path.join(self.out_dir, self.filename_tmpl.format(step))
        if is_main_process() and os.path.isfile(path):
            os.remove(path)


def plain_values(values: dict[str, Any]) -> dict[str, Any]:
    """Those entries that are numbers, strings or lists and dicts of them."""
    return {name: value for name, value in values.items() if is_plain(value)}


def is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(is_plain(key) and is_plain(item) for key, item in value.items())
    return value is None or type(value) in (bool, int, float, str)
