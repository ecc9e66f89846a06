"""Setup says what went wrong and what to do; each failure is played by a stand-in on PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What set-up reads, without an environment."""
    root = tmp_path / "checkout"
    (root / "tools").mkdir(parents=True)
    for name in ("tools/setup_env.sh", "tools/constraints.txt", "setup.py"):
        shutil.copy(REPOSITORY / name, root / name)
    return root


def stand_in(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)
    return path


def set_up(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    hidden = ("PYTHON", "VIRTUAL_ENV", "CONDA_PREFIX", "CUDA_VISIBLE_DEVICES")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    env["PATH"] = f"{checkout.parent / 'bin'}:{env['PATH']}"
    env["SLOTCON_CACHE"] = str(checkout.parent / "cache")
    command = ["bash", str(checkout / "tools/setup_env.sh"), *arguments]
    return subprocess.run(command, env={**env, **environment}, capture_output=True, text=True, timeout=120)


def test_a_python_that_does_not_fit_is_named(checkout):
    python = stand_in(checkout.parent / "bin", "python3.9", '[ "$1" = --version ] && echo Python 3.9.1; exit 1')
    result = set_up(checkout, PYTHON=str(python))
    assert result.returncode != 0
    assert "expected Python 3.10, 3.11 or 3.12" in result.stderr
    assert "PYTHON=" in result.stderr


def test_a_missing_venv_module_is_answered_and_nothing_half_made_stays(checkout):
    script = (
        'if [ "$1" = -m ]; then mkdir -p .venv/bin; touch .venv/bin/python;'
        ' echo "The virtual environment was not created: ensurepip is not available"; exit 1; fi\n'
        f'exec "{sys.executable}" "$@"'
    )
    result = set_up(checkout, PYTHON=str(stand_in(checkout.parent / "bin", "fit-python", script)))
    assert "apt-get install python3-venv" in result.stderr
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("error: command 'g++' failed: No such file or directory", "apt-get install build-essential"),
        ("x.cpp:3: fatal error: Python.h: No such file or directory", "python3-dev"),
        ("Temporary failure in name resolution", "the package index was not reached"),
        ("c++: fatal error: Killed signal terminated program cc1plus", "MAX_JOBS"),
    ],
)
def test_a_failed_step_is_explained_and_its_log_shown(checkout, output, answer):
    script = (
        'if [ "$1" = -m ]; then mkdir -p .venv/bin;'
        f' printf "#!/bin/bash\\necho \\"{output}\\"\\nexit 1\\n" > .venv/bin/python;'
        " chmod +x .venv/bin/python; exit 0; fi\n"
        f'exec "{sys.executable}" "$@"'
    )
    result = set_up(checkout, PYTHON=str(stand_in(checkout.parent / "bin", "fit-python", script)))
    assert result.returncode != 0
    assert output in result.stderr
    assert answer in result.stderr.splitlines()[-1]


def test_an_old_driver_stops_before_anything_is_installed(checkout):
    stand_in(checkout.parent / "bin", "nvidia-smi", "echo 535.104.05")
    result = set_up(checkout)
    assert "expected NVIDIA driver 580 or newer" in result.stderr
    assert "CUDA_VISIBLE_DEVICES=-1" in result.stderr
    assert not (checkout / ".venv").exists()


def test_too_small_a_disk_stops_before_anything_is_installed(checkout):
    stand_in(checkout.parent / "bin", "df", 'echo "Filesystem"; echo "/dev/x 9 9 2097152 9% /"')
    result = set_up(checkout)
    assert "expected 7 GB of free disk" in result.stderr
    assert "got 2" in result.stderr


def test_active_without_an_environment_is_refused(checkout):
    assert "activate one first" in set_up(checkout, "--active").stderr


def test_an_unknown_argument_shows_the_usage(checkout):
    result = set_up(checkout, "everything")
    assert result.returncode == 2
    assert "usage: bash tools/setup_env.sh" in result.stderr


def test_every_constraint_is_an_exact_version():
    lines = (REPOSITORY / "tools/constraints.txt").read_text().splitlines()
    assert all("==" in line for line in lines if line and not line.startswith("#"))
