"""Signals to all processes of a run at once, as schedulers send them."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from processes import PythonProcess
from runs import pretraining_options

WORKERS = 2


class Job(NamedTuple):
    """A run of tools/train.py in a process group of its own, and the processes of its loader."""

    process: PythonProcess
    workers: list[int]


def start(scenes: Path, work_dir: Path, *options: str) -> PythonProcess:
    changes = {"train_dataloader.num_workers": WORKERS, "train_dataloader.persistent_workers": True}
    given = pretraining_options(scenes, epochs=10_000, **changes, **{"default_hooks.logger.interval": 1000})
    command = [
        "tools/train.py", "configs/slotcon_r18_quickstart.py", "--device", "cpu", "--work-dir",
        str(work_dir), *options, "--cfg-options", *(f"{name}={value}" for name, value in given.items()),
    ]  # fmt: skip
    return PythonProcess(command, log=work_dir.with_suffix(".log"))


@pytest.fixture
def job(scenes, tmp_path):
    process = start(scenes, tmp_path)
    try:
        wait_for(lambda: (tmp_path / "epoch_1.pth").exists() or process.poll() is not None, seconds=120)
        workers = children(process.pid)
        assert len(workers) == WORKERS
        yield Job(process, workers)
    finally:
        process.kill()
        process.communicate()


def wait_for(condition, *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def none_runs(pids: list[int]) -> bool:
    states = [Path(f"/proc/{pid}/stat") for pid in pids]
    return all(not path.exists() or path.read_text().rpartition(")")[2].split()[0] == "Z" for path in states)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_to_all_processes_saves_the_run_and_asks_for_another_start(job, number, scenes, tmp_path):
    os.killpg(job.process.pid, number)
    (said,) = job.process.communicate(timeout=120)
    assert job.process.returncode == 75, said[-2000:]
    assert f"{number.name} came: the state after step" in said
    assert (tmp_path / "last_checkpoint").read_text().endswith("interim.pth")
    wait_for(lambda: none_runs(job.workers), seconds=30)
    resumed = start(scenes, tmp_path, "--resume")
    newest = max(int(path.stem.removeprefix("epoch_")) for path in tmp_path.glob("epoch_*.pth"))
    try:
        wait_for(lambda: (tmp_path / f"epoch_{newest + 2}.pth").exists() or resumed.poll() is not None, seconds=120)
        assert resumed.poll() is None
    finally:
        os.killpg(resumed.pid, signal.SIGKILL)
        assert "continuing from" in resumed.communicate()[0]


@pytest.mark.slow
def test_workers_go_with_a_process_that_is_killed(job):
    job.process.kill()
    wait_for(lambda: none_runs(job.workers), seconds=30)


def evaluates(pid: int) -> bool:
    """Whether there are workers beside the training's, all of them past their start."""
    found = children(pid)
    try:
        return len(found) > WORKERS and all(leaves_signals(child) for child in found)
    except OSError:  # one is gone
        return False


def leaves_signals(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    masks = {name: int(mask, 16) for name, mask in re.findall(r"(SigBlk|SigIgn):\s*([0-9a-f]+)", status)}
    return all(
        masks.get(name, 0) >> (number - 1) & 1
        for name, number in (("SigBlk", signal.SIGTERM), ("SigIgn", signal.SIGUSR1))
    )


@pytest.mark.slow
def test_a_signal_to_all_processes_in_the_middle_of_an_evaluation_saves_the_run(scenes, tmp_path):
    """Workers of the evaluation that died of it would be waited for without end."""
    labels = ["--images", str(scenes / "val2017"), "--labels", str(scenes / "stuffthingmaps/val2017")]
    process = start(scenes, tmp_path, "--evaluate-every", "1", *labels, "--label-set", "scenes")
    try:
        wait_for(lambda: (tmp_path / "epoch_1.pth").exists() or process.poll() is not None, seconds=120)
        wait_for(lambda: evaluates(process.pid) or process.poll() is not None, seconds=60)
        os.killpg(process.pid, signal.SIGTERM)
        (said,) = process.communicate(timeout=120)
        assert process.returncode == 75, said[-2000:]
        assert "SIGTERM came: the state after step" in said
    finally:
        process.kill()
        process.communicate()
