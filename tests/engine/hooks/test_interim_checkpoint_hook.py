"""A run that is asked to end saves where it is, and continues there to the same bits."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from helpers import run_on_two_processes
from mmengine.hooks import Hook
from runs import build_run, differences, pretraining_options, run_state, train

from slotcon_mm.checks import PreemptedError
from slotcon_mm.engine.hooks import interim_checkpoint_hook
from slotcon_mm.engine.hooks.interim_checkpoint_hook import InterimCheckpointHook, signals_noted

QUICKSTART = "slotcon_r18_quickstart.py"


class SignalHook(Hook):
    """Sends a signal to this process in the middle of an iteration."""

    priority = "VERY_HIGH"

    def __init__(self, number: int, iteration: int) -> None:
        self.number, self.iteration = number, iteration

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        if runner.iter == self.iteration:
            os.kill(os.getpid(), self.number)


@pytest.fixture(scope="module")
def uninterrupted(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    work_dir = tmp_path_factory.mktemp("whole")
    train(build_run(QUICKSTART, work_dir, options=pretraining_options(scenes, epochs=3)))
    return run_state(work_dir / "epoch_3.pth")


@pytest.mark.parametrize(("number", "iteration"), [(signal.SIGTERM, 5), (signal.SIGUSR1, 1), (signal.SIGTERM, 7)])
def test_a_signal_ends_the_run_after_its_step_and_nothing_is_lost(uninterrupted, scenes, tmp_path, number, iteration):
    options = pretraining_options(scenes, epochs=3)
    runner = build_run(QUICKSTART, tmp_path, options=options)
    runner.register_hook(SignalHook(number, iteration))
    handler = signal.getsignal(number)
    with pytest.raises(PreemptedError, match=rf"{number.name} came: the state after step {iteration + 1} is saved"):
        train(runner)
    assert signal.getsignal(number) is handler
    assert (tmp_path / "interim.pth").is_file()
    runner = build_run(QUICKSTART, tmp_path, options=options, resume="latest")
    assert str(runner.cfg.load_from).endswith("interim.pth")
    train(runner)
    differing = differences(uninterrupted, run_state(tmp_path / "epoch_3.pth"))
    if iteration == 7:  # the last of an epoch, whose own scalar was still to come
        differing = [name for name in differing if "feature_rank" not in name]
    assert differing == []


def test_the_clock_brings_a_checkpoint_and_training_goes_on(scenes, tmp_path, monkeypatch):
    runner = build_run(QUICKSTART, tmp_path, options=pretraining_options(scenes, epochs=2))
    (hook,) = (hook for hook in runner.hooks if isinstance(hook, InterimCheckpointHook))
    hook.minutes = 2.5
    seconds = iter(range(0, 10_000, 70))
    monkeypatch.setattr(interim_checkpoint_hook.time, "monotonic", lambda: next(seconds))
    saved: list[int] = []
    save = hook.save
    monkeypatch.setattr(hook, "save", lambda runner: saved.append(runner.iter + 1) or save(runner))
    train(runner)
    assert saved == [3, 6]
    assert runner.iter == 8


def test_minutes_are_above_zero():
    with pytest.raises(ValueError, match="minutes above 0"):
        InterimCheckpointHook(minutes=0)


def one_rank_signalled(rank: int, scenes: str, work_dir: str) -> str:
    options = pretraining_options(Path(scenes), epochs=2, **{"train_dataloader.batch_size": 2})
    runner = build_run(QUICKSTART, Path(work_dir), options=options, launcher="pytorch")
    if rank == 1:
        runner.register_hook(SignalHook(signal.SIGUSR1, 2))
    try:
        train(runner)
    except PreemptedError as error:
        return str(error)
    return "not stopped"


def test_a_signal_to_one_process_stops_all_after_the_same_step(scenes, tmp_path):
    first, second = run_on_two_processes(one_rank_signalled, tmp_path, str(scenes), str(tmp_path / "w"))
    assert first.startswith("a signal to another process came: the state after step 3 is saved")
    assert second.startswith("SIGUSR1 came: the state after step 3 is saved")


def test_in_another_thread_nothing_is_installed():
    before = signal.getsignal(signal.SIGTERM)

    def run() -> None:
        with signals_noted():
            assert signal.getsignal(signal.SIGTERM) is before

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
