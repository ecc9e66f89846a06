"""Several processes that must agree, and one of them that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from helpers import run_on_two_processes
from mmengine.hooks import Hook
from mmengine.runner import Runner
from runs import build_run, pretraining_options

from slotcon_mm.checks import RunStoppedError

REPOSITORY = Path(__file__).parents[2]
QUICKSTART = "slotcon_r18_quickstart.py"


def attempt(work_dir: str, options: dict, *hooks: Hook) -> str:
    """What stopped a run of two processes; empty if it came to its end."""
    try:
        runner = build_run(QUICKSTART, Path(work_dir), options=options, launcher="pytorch")
        for hook in hooks:
            runner.register_hook(hook)
        runner.train()
    except RunStoppedError as error:
        return str(error)
    return ""


def small(scenes: str) -> dict:
    return pretraining_options(Path(scenes), epochs=2, **{"train_dataloader.batch_size": 2})


def with_other_images(rank: int, scenes: str, work_dir: str) -> str:
    folders = {"train_dataloader.dataset.folders": ["train2017"] if rank == 0 else ["val2017"]}
    return attempt(work_dir, {**small(scenes), **folders, "train_dataloader.drop_last": False})


def test_lists_of_images_that_differ_are_refused_at_the_start(scenes, tmp_path):
    for message in run_on_two_processes(with_other_images, tmp_path, str(scenes), str(tmp_path / "w")):
        assert message.startswith("expected the same list of training images on all ranks, got rank 0: 16 (")
        assert "; rank 1: 6 (" in message


class Disturb(Hook):
    """Changes one value on one rank, by the last bit; at the epoch's end, as a later step may round it away again."""

    def __init__(self, name: str) -> None:
        self.name = name

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        if int(os.environ["RANK"]) == 1 and runner.iter == len(runner.train_dataloader) - 1:
            value = runner.model.module.state_dict()[self.name].flatten()
            value[0] = torch.nextafter(value[0], torch.tensor(9.0)) if value.is_floating_point() else value[0] + 1


def disturbed(rank: int, scenes: str, work_dir: str, name: str) -> str:
    return attempt(work_dir, small(scenes), Disturb(name))


@pytest.mark.parametrize(
    "name", ["neck.prototypes", "teacher.backbone.bn1.running_mean", "group_head.center", "teacher.steps"]
)
def test_weights_that_drift_apart_on_a_rank_stop_both_at_the_epochs_end(scenes, tmp_path, name):
    for message in run_on_two_processes(disturbed, tmp_path, str(scenes), str(tmp_path / "w"), name):
        assert message.startswith("expected the same weights on all 2 ranks after epoch 1, got different ones in ")
        assert name in message or "and" in message
    assert not (tmp_path / "w/epoch_1.pth").exists()


def undisturbed(rank: int, scenes: str, work_dir: str) -> str:
    return attempt(work_dir, small(scenes))


def test_ranks_agree_to_the_last_bit_where_nothing_disturbs_them(scenes, tmp_path):
    assert run_on_two_processes(undisturbed, tmp_path, str(scenes), str(tmp_path / "w")) == ["", ""]


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_rank_ends_the_job_in_bounded_time_with_a_message(scenes, tmp_path, victim):
    options = pretraining_options(scenes, epochs=10_000, **{"train_dataloader.batch_size": 2})
    command = [
        "tools/dist_train.sh", f"configs/{QUICKSTART}", "2", "--device", "cpu", "--work-dir", str(tmp_path / "w"),
        "--cfg-options", *(f"{name}={value}" for name, value in options.items()),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1", "PORT": str(29700 + victim)}
    with (
        open(tmp_path / "log", "w") as log,
        subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log, start_new_session=True
        ) as job,
    ):
        try:
            while not (tmp_path / "w/epoch_1.pth").is_file():
                assert job.poll() is None, (tmp_path / "log").read_text()[-2000:]
                time.sleep(0.1)
            os.kill(rank_process(job.pid, victim), signal.SIGKILL)
            killed = time.monotonic()
            job.wait(timeout=90)
        finally:
            if job.poll() is None:
                os.killpg(job.pid, signal.SIGKILL)
    assert job.returncode != 0
    assert time.monotonic() - killed < 60
    text = (tmp_path / "log").read_text()
    assert f"(local_rank: {victim})" in text or f"local_rank: {victim} " in text
    assert "SIGKILL" in text


def rank_process(launcher: int, rank: int) -> int:
    """The process of a rank, found by its environment among the launcher's children."""
    for folder in Path("/proc").iterdir():
        try:
            is_child = f"\nPPid:\t{launcher}\n" in (folder / "status").read_text()
            if folder.name.isdigit() and is_child and f"\0RANK={rank}\0".encode() in (folder / "environ").read_bytes():
                return int(folder.name)
        except OSError:
            continue
    raise AssertionError(f"expected a process of rank {rank} below {launcher}")
