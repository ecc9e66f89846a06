"""Speed and memory in the log."""

from __future__ import annotations

import time
from types import SimpleNamespace

from slotcon_mm.engine.hooks.throughput_hook import ThroughputHook, peak_memory_mb


def test_images_per_second_count_a_batch_over_the_time_it_took():
    logged = {}
    hub = SimpleNamespace(update_scalar=lambda name, value: logged.__setitem__(name, value))
    runner = SimpleNamespace(message_hub=hub, train_dataloader=SimpleNamespace(batch_size=10))
    hook = ThroughputHook()
    hook.before_train_epoch(runner)
    started = time.perf_counter()
    time.sleep(0.05)
    hook.after_train_iter(runner, 0)
    assert 10 / (time.perf_counter() - started) * 0.8 < logged["train/images_per_second"] < 10 / 0.05


def test_memory_is_this_process_peak_in_megabytes():
    assert 50 < peak_memory_mb() < 100_000
