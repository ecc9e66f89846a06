"""Two trainings do not share a work dir."""

from __future__ import annotations

import time

import pytest
from processes import PythonProcess

from slotcon_mm.launch import work_dir_lock
from slotcon_mm.launch.work_dir_lock import lock_work_dir

HOLD = """
import signal, sys
from slotcon_mm.launch.work_dir_lock import lock_work_dir
lock = lock_work_dir(sys.argv[1])
open(sys.argv[2], "w").close()
signal.pause()
"""


@pytest.fixture
def holder(tmp_path):
    process = PythonProcess(["-c", HOLD, str(tmp_path), str(tmp_path / "held")])
    while not (tmp_path / "held").exists():
        assert process.poll() is None
        time.sleep(0.01)
    yield process
    process.kill()
    process.wait()


def test_a_second_training_is_refused_with_the_first_ones_process(holder, tmp_path):
    with pytest.raises(ValueError, match=rf"which process {holder.pid} on .* is using: wait for it, stop it, or pass"):
        lock_work_dir(tmp_path)


def test_the_lock_goes_with_its_process_even_if_it_is_killed(holder, tmp_path):
    holder.kill()
    holder.wait()
    assert lock_work_dir(tmp_path) is not None


def test_a_file_system_without_locks_is_no_obstacle(tmp_path, monkeypatch):
    def unsupported(*args: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(work_dir_lock.fcntl, "lockf", unsupported)
    assert lock_work_dir(tmp_path) is None
