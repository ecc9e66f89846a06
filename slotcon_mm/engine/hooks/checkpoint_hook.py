"""Checkpoints that torch's safe loader reads anywhere, how they are written, and which of them are kept."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from slotcon_mm.atomic_files import remove_leftovers, write_atomically
from slotcon_mm.checkpoints.plain_values import WINDOWS, log_windows, longest_window, plain_values, restore_log_windows
from slotcon_mm.checkpoints.run_facts import FACTS, facts_of
from slotcon_mm.checks import RunStoppedError
from slotcon_mm.registry import HOOKS

__all__ = ["PlainCheckpointHook"]


@HOOKS.register_module()
class PlainCheckpointHook(CheckpointHook):
    """MMEngine's CheckpointHook whose files hold tensors and plain Python values only.

    MMEngine's own put a HistoryBuffer in, which torch refuses to load; the log's smoothing windows are kept here as
    tensors. Files are written by ``AtomicBackend``, and an old one goes after the new one is there (MMEngine: before),
    so that at every moment a whole checkpoint exists.

    Args:
        keep_every: Files of every ``keep_every``-th epoch (or iteration) stay for good; 0: none.
        **kwargs: Of MMEngine's CheckpointHook. ``backend_args`` is ``dict(backend='atomic')`` by default for local
            folders.
    """

    file_backend: Any
    out_dir: str
    last_ckpt: str

    def __init__(self, *args: Any, keep_every: int = 0, **kwargs: Any) -> None:
        calls = CheckpointHook.__init__, Runner.save_checkpoint
        known = {name for call in calls for name in signature(call).parameters}
        if strange := sorted(set(kwargs) - known):
            raise ValueError(
                f"expected arguments of CheckpointHook, got {', '.join(strange)}: correct default_hooks.checkpoint"
            )
        is_local = "://" not in str(kwargs.get("out_dir") or "")
        if is_local and not kwargs.get("file_client_args"):
            kwargs["backend_args"] = kwargs.get("backend_args") or dict(backend="atomic")
        super().__init__(*args, **kwargs)
        if keep_every < 0:
            raise ValueError(f"expected keep_every of 0 or more, got {keep_every}")
        self.keep_every = keep_every

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        if is_main_process() and os.path.isdir(self.out_dir):
            remove_leftovers(self.out_dir)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        hub = checkpoint["message_hub"]
        info = plain_values(hub["runtime_info"])
        # MMEngine's resume asks for the first three keys
        checkpoint["message_hub"] = {
            "log_scalars": {},
            "runtime_info": info,
            "resumed_keys": dict.fromkeys(info, True),
            WINDOWS: log_windows(hub["log_scalars"], longest_window(runner.log_processor)),
        }
        checkpoint["meta"][FACTS] = facts_of(runner)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        # MMEngine runs meta['config'] as Python if there is one (it writes meta['cfg'])
        checkpoint.get("meta", {}).pop("config", None)
        if WINDOWS in checkpoint.get("message_hub", {}):
            restore_log_windows(checkpoint["message_hub"])
        if runner.cfg.get("resume"):  # only then: a scoring's runner has images to train on only if it builds the loop
            loop, facts = runner.train_loop, checkpoint.get("meta", {}).get(FACTS, {})
            for name in ("place", "validated"):
                if hasattr(loop, name):
                    setattr(loop, name, facts.get(name, 0))

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, Any]) -> None:
        with self._removals_afterwards():
            super()._save_checkpoint_with_step(runner, step, meta)
            if is_main_process():  # again: MMEngine's own note is cut off if the process dies while it is written
                write_atomically(os.path.join(runner.work_dir, "last_checkpoint"), self.last_ckpt.encode())

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, Any]) -> None:
        with self._removals_afterwards():
            super()._save_best_checkpoint(runner, metrics)

    @contextmanager
    def _removals_afterwards(self) -> Iterator[None]:
        """What MMEngine removes in this block before it writes is removed after it, and only if all was written."""
        backend = self.file_backend
        if isinstance(backend, RemovalsAfterwards):  # the best checkpoint is followed by the last one
            yield
            return
        self.file_backend = RemovalsAfterwards(backend, self._stays)
        try:
            yield
            self.file_backend.remove_now()
        except OSError as error:
            raise RunStoppedError(
                f"expected to write a checkpoint, got: {error}. Remove the cause (make room on a full disk), then "
                "continue with --resume"
            ) from error
        finally:
            self.file_backend = backend

    def _stays(self, path: str) -> bool:
        best = [getattr(self, "best_ckpt_path", None), *getattr(self, "best_ckpt_path_dict", {}).values()]
        name = os.path.basename(path)
        step = re.search(r"(\d+)\.pth$", name)
        numbered = step is not None and name == self.filename_tmpl.format(step[1])
        for_good = numbered and self.keep_every > 0 and int(step[1]) % self.keep_every == 0  # type: ignore[index]
        return path in best or for_good  # a best one may have been written anew under its old name


class RemovalsAfterwards:
    """A file backend that collects removals.

    Args:
        backend: The true one.
        stays: Whether a path is not to be removed after all.
    """

    def __init__(self, backend: Any, stays: Callable[[str], bool]) -> None:
        self.backend, self.stays = backend, stays
        self.removed: list[str] = []

    def remove(self, path: str) -> None:
        self.removed.append(path)

    def remove_now(self) -> None:
        for path in self.removed:
            if not self.stays(path) and self.backend.isfile(path):
                self.backend.remove(path)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)
