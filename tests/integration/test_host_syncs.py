"""Where the host reads tensors in the training loop, found on a CPU: a device would have to be waited for there."""

from __future__ import annotations

import traceback
from collections import Counter
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook
from runs import SMALL_SLOTMIM, build_run, pretraining_options, train
from torch.utils._python_dispatch import TorchDispatchMode

from slotcon_mm.models.heads import slot_head

# reading one of these means to wait: a value, a shape that depends on values, a comparison
READS = {
    torch.ops.aten._local_scalar_dense.default,
    torch.ops.aten.nonzero.default,
    torch.ops.aten.masked_select.default,
    torch.ops.aten.equal.default,
    torch.ops.aten.is_nonzero.default,
    torch.ops.aten.bincount.default,
    torch.ops.aten._unique2.default,
}
# draws of the loader and flags that a non-blocking copy and an event brought: on the host in any case
ON_THE_HOST = {
    ("view_preprocessor.py", "_finish"),
    ("photometric.py", "rows_of"),
    ("photometric.py", "reflected_taps"),
    ("finite_guard_hook.py", "settle"),
}


class HostReads(TorchDispatchMode):
    """Counts reads by the place in the code that asks, torch's frames left out."""

    def __init__(self) -> None:
        super().__init__()
        self.places: Counter[tuple[str, str]] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        indexed_by_mask = func is torch.ops.aten.index.Tensor and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        if func in READS or indexed_by_mask:
            frames = [f for f in traceback.extract_stack()[:-1] if "site-packages/torch" not in f.filename]
            self.places[(frames[-1].filename.rpartition("/")[2], frames[-1].name)] += 1
        return func(*args, **(kwargs or {}))


class WatchHook(Hook):
    """Watches from the beginning of an iteration to that of a later one, with no log line between."""

    priority = "VERY_LOW"

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last, self.reads = first, last, HostReads()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if runner.iter == self.first:
            self.reads.__enter__()
        if runner.iter == self.last:
            self.reads.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("config", "more"), [("slotcon_r18_quickstart.py", {}), ("slotmim_vit-t16_quickstart.py", SMALL_SLOTMIM)]
)
def test_between_two_log_lines_the_host_reads_nothing_of_the_device(config, more, scenes, tmp_path, monkeypatch):
    # a CPU packs to the true number of slots; a device packs to the static bound
    monkeypatch.setattr(slot_head, "slot_capacity", lambda counted, pixels: min(counted.shape[1], pixels))
    options = pretraining_options(
        scenes, epochs=2, **{"default_hooks.logger.interval": 1000, "train_dataloader.batch_size": 2, **more}
    )
    runner = build_run(config, tmp_path, options=options)
    watch = WatchHook(first=1, last=5)
    runner.register_hook(watch)
    train(runner)
    assert set(watch.reads.places) <= ON_THE_HOST
    assert watch.reads.places[("finite_guard_hook.py", "settle")] == 4


def test_the_watch_sees_a_read():
    with HostReads() as reads:
        x = torch.arange(3.0)
        x[x > 1].sum().item()
    assert sum(reads.places.values()) == 2
