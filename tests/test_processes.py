"""A process that is forked is what a new Python would be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from helpers import run_on_two_processes
from processes import PythonProcess, run_python

WHAT_IT_IS = """
import multiprocessing, os, sys
print(os.getcwd(), sys.argv, sys.path[0], os.environ["GIVEN"], __name__, multiprocessing.get_start_method())
print(os.getsid(0) == os.getpid(), os.isatty(1), sys.stdout.encoding, len(os.listdir("/proc/self/task")))
os.write(1, b"by the handle\\n")
print("an error", file=sys.stderr)
"""
ENDS = ["pass", "raise SystemExit('no more')", "raise SystemExit(75)", "1 / 0", "import os; os.kill(os.getpid(), 9)"]


def as_new(*arguments: str, **others) -> subprocess.CompletedProcess[str]:
    """What ``run_python`` is to be like."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, start_new_session=True, **others)


def test_folder_arguments_environment_and_outputs_are_those_of_a_new_python(tmp_path):
    given = dict(cwd=tmp_path, env={**os.environ, "GIVEN": "1"})
    found, expected = (run(*("-c", WHAT_IT_IS, "a", "--b"), **given) for run in (run_python, as_new))
    assert sorted(found.stdout.splitlines()) == sorted(expected.stdout.splitlines())
    assert found.stderr == expected.stderr == "an error\n"
    (tmp_path / "script.py").write_text(WHAT_IT_IS)
    found, expected = (run(tmp_path / "script.py", "a", **given) for run in (run_python, as_new))
    assert sorted(found.stdout.splitlines()) == sorted(expected.stdout.splitlines())


@pytest.mark.parametrize("code", ENDS)
def test_it_ends_as_a_new_python_does(code):
    found, expected = run_python("-c", code), as_new("-c", code)
    assert found.returncode == expected.returncode
    assert found.stderr.splitlines()[-1:] == expected.stderr.splitlines()[-1:]


def test_nothing_of_a_test_or_of_another_process_is_in_it(monkeypatch):
    import slotcon_mm.registry

    monkeypatch.setattr(slotcon_mm.registry, "OF_A_TEST", 1, raising=False)
    code = (
        "import os, slotcon_mm.registry as place, numpy, torch\n"
        "print(hasattr(place, 'OF_A_TEST'), hasattr(place, 'OF_ANOTHER'), numpy.random.rand(), torch.rand(1).item())\n"
        "place.OF_ANOTHER = 1"
    )
    first, second = (run_python("-c", code).stdout.split() for _ in range(2))
    assert first[:2] == second[:2] == ["False", "False"]
    assert first[2] != second[2]  # NumPy begins anywhere, torch with the same seed
    assert first[3] == second[3]


def test_a_signal_reaches_it_and_what_it_starts(tmp_path):
    code = "import os, time; os.fork(); print(os.getpid(), flush=True); time.sleep(100)"
    process = PythonProcess(["-c", code], log=tmp_path / "log")
    while len((tmp_path / "log").read_text().split()) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    assert str(process.pid) in (tmp_path / "log").read_text().split()
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == -signal.SIGTERM


def where_it_is(rank: int) -> tuple:
    return os.getpid(), os.getcwd(), os.environ["GIVEN"], os.environ["RANK"]


def test_two_ranks_are_processes_in_this_folder_and_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIVEN", "1")
    first, second = run_on_two_processes(where_it_is, tmp_path)
    assert len({first[0], second[0], os.getpid()}) == 3
    assert (first[1:], second[1:]) == ((str(tmp_path), "1", "0"), (str(tmp_path), "1", "1"))
