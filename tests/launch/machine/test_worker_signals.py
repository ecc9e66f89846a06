"""Whose signals end a loader's worker."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from multiprocessing import Process, SimpleQueue
from pathlib import Path

import pytest

from slotcon_mm.launch.machine import worker_signals
from slotcon_mm.launch.machine.worker_signals import WorkerStart

FORK = multiprocessing.get_context("fork")


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_signals, "LOOK_SECONDS", 0.2)


def work(ready: SimpleQueue) -> None:
    WorkerStart(ready.put)(7)
    while True:  # in Python: no signal interrupts it unless it ends the process
        time.sleep(0.01)


def started() -> Process:
    ready = FORK.SimpleQueue()
    worker = FORK.Process(target=work, args=(ready,), daemon=True)
    worker.start()
    assert ready.get() == 7
    return worker


@pytest.fixture
def worker() -> Iterator[Process]:
    worker = started()
    yield worker
    worker.kill()
    worker.join()


@pytest.mark.parametrize("name", ["TERM", "USR1"])
def test_a_worker_outlives_signals_of_others(worker, name):
    for _ in range(2):
        subprocess.run(["kill", f"-{name}", str(worker.pid)], check=True)
        worker.join(timeout=0.5)
        assert worker.is_alive()


def test_a_worker_obeys_its_parent_after_signals_of_others_too(worker):
    subprocess.run(["kill", "-TERM", str(worker.pid)], check=True)
    while "ShdPnd:\t0000000000000000" not in Path(f"/proc/{worker.pid}/status").read_text():
        time.sleep(0.01)  # a signal that comes while the same one waits is the same to the system
    worker.terminate()
    worker.join(timeout=5)
    assert worker.exitcode == 0


def test_a_worker_ends_when_its_parent_is_killed():
    receiver, sender = FORK.Pipe(duplex=False)

    def have_a_worker() -> None:
        sender.send(started().pid)
        time.sleep(60)

    parent = FORK.Process(target=have_a_worker)
    parent.start()
    orphan = receiver.recv()
    parent.kill()
    parent.join()
    for _ in range(100):
        if not is_running(orphan):
            return
        time.sleep(0.05)
    os.kill(orphan, signal.SIGKILL)
    raise AssertionError("expected the worker to end with its parent")


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as status:
            return status.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
