"""Setup says what went wrong and what to do; each failure is played by a stand-in on PATH."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from set_ups import (
    PINS,
    REPOSITORY,
    SYSTEM_TOOLS,
    environment_of,
    gpus,
    only_pythons,
    python_of,
    set_up,
    stand_in,
    start_set_up,
)

import slotcon_mm

PYTHON_WITH_TORCH = """
case "$*" in
    *"version_info[:2])") echo 3.11 ;;
    "-I -c "*) [ ! -e broken ] ;;
    *"import sys, torch"*) echo "cp311 2.10.0 12.8 8.0,9.0" ;;
    tools/build_jobs.py) echo 3 ;;
    *" wheel --verbose "*)
        env | grep -E "^(CUDA_HOME|MAX_JOBS|TORCH_CUDA_ARCH_LIST)=" >>calls
        while [ "$1" != --wheel-dir ]; do shift; done
        mkdir -p "$2"; touch "$2/mmcv-2.1.0.whl" ;;
esac
"""


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ("Traceback", "the end of its log stands above"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("error: command 'g++' failed: No such file or directory", "apt-get install build-essential"),
        ("x.cpp:3: fatal error: Python.h: No such file or directory", "python3.11-dev"),
        ("Temporary failure in name resolution", "the package index was not reached"),
        ("c++: fatal error: Killed signal terminated program cc1plus", "MAX_JOBS"),
        ("xcrun: error: invalid active developer path", "xcode-select --install"),
    ],
)
def test_a_failed_step_is_explained_and_its_log_shown(checkout, output, answer):
    made = stand_in(checkout.parent, "made", python_of("3.11", f'echo "{output}"; exit 1'))
    python = python_of("3.11", f'mkdir -p .venv/bin; cp "{made}" .venv/bin/python')
    result = set_up(checkout, PYTHON=str(stand_in(checkout.parent / "bin", "fit-python", python)))
    assert result.returncode != 0
    assert output in result.stderr
    assert answer in result.stderr.splitlines()[-1]


def test_a_making_of_the_environment_that_fails_leaves_nothing_half_made(checkout):
    python = python_of("3.11", "mkdir -p .venv/bin; exit 1")
    result = set_up(checkout, PYTHON=str(stand_in(checkout.parent / "bin", "fit-python", python)))
    assert "making .venv with Python 3.11.1 failed" in result.stderr
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_step_with_all_its_processes_before_what_it_made_goes(checkout, sent, code):
    """A child that would go on writing, as pip's and ninja's do."""
    slow = "mkdir -p .venv/bin; touch started; (sleep 3; mkdir -p .venv; touch late) & wait"
    python = stand_in(checkout.parent / "bin", "fit-python", python_of("3.11", slow))
    process = start_set_up(checkout, PYTHON=str(python))
    while not (checkout / "started").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(sent)
    assert process.wait(timeout=60) == code
    assert not (checkout / ".venv").exists()
    time.sleep(3.5)
    assert not (checkout / "late").exists()
    assert not (checkout / ".venv").exists()


def test_an_environment_whose_python_is_gone_is_named(checkout):
    (checkout / ".venv/bin").mkdir(parents=True)
    (checkout / ".venv/bin/python").symlink_to("/nowhere/python3.11")
    result = set_up(checkout)
    assert f"expected a Python that runs in {checkout}/.venv, got none: remove that folder" in result.stderr


@pytest.mark.parametrize("with_uv", [True, False])
def test_an_environment_without_pip_gets_one(checkout, with_uv):
    """uv makes such ones."""
    (checkout / ".venv/bin").mkdir(parents=True)
    note = 'printf "%s\\n" "$*" >>calls'
    stand_in(
        checkout / ".venv/bin",
        "python",
        python_of("3.11", note).replace('| *"import pip"* ', '| *"import PIP"* ') + "; exit 1",
    )
    if with_uv:
        stand_in(checkout.parent / "bin", "uv", f'printf "uv %s\\n" "$*" >>"{checkout}/calls"; exit 1')
    set_up(checkout, **only_pythons(checkout))
    calls = (checkout / "calls").read_text()
    assert (f"uv pip install --python {checkout}/.venv/bin/python pip" if with_uv else "-m ensurepip") in calls


def test_an_active_environment_without_a_python_is_not_to_be_removed(checkout, tmp_path):
    (tmp_path / "conda/conda-meta").mkdir(parents=True)
    said = set_up(checkout, "--active", CONDA_PREFIX=str(tmp_path / "conda")).stderr
    assert "make that environment anew" in said


def test_what_is_looked_for_in_an_environment_is_there_in_this_one(tmp_path):
    script = (REPOSITORY / "tools/setup_env.sh").read_text()
    function = script[script.index("is_whole() {") : script.index("for candidate in ")]
    for folder, code in ((Path(slotcon_mm.__file__).parents[1], 0), (tmp_path, 1)):
        command = f"version=1; python={sys.executable}; {function}\nis_whole"
        assert subprocess.run(["bash", "-c", command], cwd=folder).returncode == code


def test_an_environment_that_broke_or_was_moved_is_set_up_again(checkout):
    (checkout / ".venv/bin").mkdir(parents=True)
    stand_in(checkout / ".venv/bin", "python", PYTHON_WITH_TORCH)
    assert "ready:" in set_up(checkout).stdout
    assert set_up(checkout).stdout == ""
    (checkout / "broken").touch()
    assert "ready:" in set_up(checkout).stdout


def test_an_environment_in_which_a_step_failed_is_set_up_again(checkout):
    (checkout / ".venv/bin").mkdir(parents=True)
    fails = 'case "$*" in *" torch torchvision"*) [ ! -e offline ] || exit 1 ;; esac'
    stand_in(checkout / ".venv/bin", "python", f"{fails}\n{PYTHON_WITH_TORCH}")
    assert "ready:" in set_up(checkout).stdout
    (checkout / "offline").touch()
    assert "torch and torchvision (4.7 GB with CUDA; about 2 minutes) failed" in set_up(checkout, "det,seg").stderr
    assert set_up(checkout).returncode != 0  # the base tier's is not taken for whole
    (checkout / "offline").unlink()
    assert "ready:" in set_up(checkout).stdout


@pytest.mark.parametrize("visible", [None, "0", "3,1", "GPU-8932f937"])
def test_an_old_driver_stops_before_anything_is_installed(checkout, visible):
    stand_in(checkout.parent / "bin", "nvidia-smi", "echo 535.104.05")
    result = set_up(checkout, **({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}))
    assert "expected NVIDIA driver 580 or newer for torch 2.11.0 (CUDA 13), got 535.104.05" in result.stderr
    assert "CUDA_VISIBLE_DEVICES=-1" in result.stderr
    assert not (checkout / ".venv").exists()


def test_a_gpu_without_kernels_stops_before_anything_is_installed(checkout):
    gpus(checkout, driver="580.65.06", capabilities=["7.0"])
    result = set_up(checkout)
    assert "expected a GPU of compute capability 7.5 or newer for torch 2.11.0 (CUDA 13), got NVIDIA X (7.0)" in (
        result.stderr
    )
    assert "torch==2.10.0 and torchvision==0.25.0" in result.stderr
    assert not (checkout / ".venv").exists()


def test_too_small_a_disk_stops_before_anything_is_installed(checkout):
    result = set_up(checkout, free_gb=2)
    assert "expected 7 GB of free disk" in result.stderr
    assert "got 2" in result.stderr


def test_an_environment_that_has_torch_needs_little_more(checkout):
    environment_of(checkout, version="3.11", holds="torch-2.11.0.dist-info")
    assert "expected 1 GB of free disk" in set_up(checkout, free_gb=0).stderr
    assert "free disk" not in set_up(checkout, free_gb=1).stderr


def test_a_cache_that_cannot_be_written_stops_before_anything_is_installed(checkout):
    (checkout.parent / "file").touch()
    result = set_up(checkout, SLOTCON_CACHE=str(checkout.parent / "file/cache"))
    assert "set SLOTCON_CACHE to another" in result.stderr
    assert not (checkout / ".venv").exists()


def test_the_torch_that_is_there_is_held_against_the_gpu(checkout):
    environment_of(checkout, version="3.11", holds="torch-2.11.0+cu126.dist-info")
    gpus(checkout, driver="535.104.05", capabilities=["8.0"])
    assert "NVIDIA driver" not in set_up(checkout).stderr


def test_what_is_advised_for_a_gpu_names_the_pins_of_the_stack(checkout):
    gpus(checkout, driver="535.104.05", capabilities=["8.0"])
    result = set_up(checkout, **only_pythons(checkout, "3.13"))
    assert "torchvision==0.25.0 (CUDA 12.8) into tools/constraints-onedl.txt" in result.stderr


def test_active_without_an_environment_is_refused(checkout):
    assert "activate one first" in set_up(checkout, "--active").stderr


def test_an_unknown_argument_shows_the_usage(checkout):
    result = set_up(checkout, "everything")
    assert result.returncode == 2
    assert "usage: bash tools/setup_env.sh" in result.stderr


def test_an_environment_of_a_login_node_is_not_taken_for_one_with_cuda(checkout):
    """And one that was set up on a GPU serves the login node."""
    python = python_of("3.11", 'printf "%s\\n" "$*" >>calls; exit 1')
    (checkout / ".venv/bin").mkdir(parents=True)
    stand_in(checkout / ".venv/bin", "python", python)
    files = ("constraints.txt", "setup_env.sh", "stacks.sh", "mmcv_wheel.sh", "gpu_support.sh", "../setup.py")
    content = b"".join((checkout / "tools" / name).read_bytes() for name in files)
    checksum = subprocess.run(["cksum"], input=content, capture_output=True, check=True).stdout.decode().strip()
    stamp = checkout / f".venv/.slotcon_mm-{checksum.replace(' ', '-')}-det,seg-cpu"
    stamp.touch()
    assert set_up(checkout, "det,seg").returncode == 0
    gpus(checkout, driver="580.65.06", capabilities=["9.0"])
    assert set_up(checkout, "base").returncode == 0  # it needs no operators
    assert not (checkout / "calls").exists()
    assert set_up(checkout, "det,seg").returncode != 0
    assert "pip" in (checkout / "calls").read_text()
    stamp.with_name(stamp.name.replace("-cpu", "-8.0,9.0")).touch()
    assert set_up(checkout, "det,seg").returncode == 0
    assert set_up(checkout, "det,seg", CUDA_VISIBLE_DEVICES="-1").returncode == 0


@pytest.fixture
def with_cuda_12(checkout: Path) -> Path:
    """As far as a set-up has come when it builds operators: a torch of CUDA 12.8, two kinds of GPU, no nvcc."""
    (checkout / ".venv/bin").mkdir(parents=True)
    stand_in(checkout / ".venv/bin", "python", PYTHON_WITH_TORCH)
    pins = checkout / "tools/constraints.txt"
    pins.write_text(pins.read_text().replace("torch==2.11.0", "torch==2.10.0"))
    gpus(checkout, driver="535.104.05", capabilities=["9.0", "8.0"])
    stand_in(checkout.parent / "bin", "nvcc", "exit 1")
    return checkout


def test_cuda_12_without_an_nvcc_is_answered(with_cuda_12):
    result = set_up(with_cuda_12, "det,seg", CUDA_HOME="/nowhere")
    assert result.returncode != 0
    last = result.stderr.splitlines()[-1]
    assert "expected an nvcc of CUDA 12, which mmcv's operators for torch 2.10.0 need, got none" in last
    assert "CUDA_HOME" in last
    assert not list((with_cuda_12.parent / "cache").rglob("*.whl"))


@pytest.fixture
def toolkit(tmp_path: Path) -> Path:
    """With an nvcc of CUDA 12."""
    folder = tmp_path / "toolkit"
    folder.mkdir()
    script = f'if [ "$1" = --version ]; then echo "release 12.8, V12.8.93"; else echo "#$ TOP={folder}" >&2; fi'
    stand_in(folder / "bin", "nvcc", script)
    return folder


def test_a_wheel_that_another_set_up_has_built_meanwhile_stays(with_cuda_12, toolkit):
    cache = with_cuda_12.parent / "cache"
    other = cache / "cp311-torch2.10.0-mmcv2.1.0-cuda12.8-sm8.0,9.0"
    python = with_cuda_12 / ".venv/bin/python"
    meanwhile = f'    *" wheel --verbose "*) mkdir -p "{other}"; echo other >"{other}/mmcv-2.1.0.whl";;&\n'
    python.write_text(
        python.read_text().replace('    *" wheel --verbose "*)', meanwhile + '    *" wheel --verbose "*)')
    )
    result = set_up(with_cuda_12, "det,seg", CUDA_HOME=str(toolkit))
    assert result.returncode == 0, result.stderr
    assert (other / "mmcv-2.1.0.whl").read_text() == "other\n"
    assert [path.name for path in cache.iterdir()] == [other.name]


def test_a_compiler_that_could_not_be_fetched_is_no_compiler(with_cuda_12):
    pins = with_cuda_12 / "tools/constraints.txt"
    pins.write_text(pins.read_text().replace("torch==2.10.0", "torch==2.11.0"))
    gpus(with_cuda_12, driver="580.65.06", capabilities=["9.0", "8.0"])
    python = with_cuda_12 / ".venv/bin/python"
    answers = python.read_text().replace("cp311 2.10.0 12.8 8.0,9.0", "cp311 2.11.0 13.0 8.0,9.0")
    python.write_text(
        answers.replace(
            "    tools/build_jobs", '    *" --target "*) echo no network >&2; exit 1 ;;\n    tools/build_jobs'
        )
    )
    result = set_up(with_cuda_12, "det,seg", CUDA_HOME="/nowhere")
    assert result.returncode != 0
    assert "no network" in result.stderr
    assert not list((with_cuda_12.parent / "cache").iterdir())


def test_a_wheel_is_built_for_these_gpus_and_kept_under_their_name(with_cuda_12, toolkit):
    result = set_up(with_cuda_12, "det,seg", CUDA_HOME=str(toolkit))
    assert result.returncode == 0, result.stderr
    [wheel] = (with_cuda_12.parent / "cache").rglob("*.whl")
    assert wheel.parent.name == "cp311-torch2.10.0-mmcv2.1.0-cuda12.8-sm8.0,9.0"
    given = dict(line.split("=", 1) for line in (with_cuda_12 / "calls").read_text().splitlines())
    assert given == {"CUDA_HOME": str(toolkit), "MAX_JOBS": "3", "TORCH_CUDA_ARCH_LIST": "8.0;9.0"}
    assert [path.name.endswith("-det,seg-8.0,9.0") for path in (with_cuda_12 / ".venv").glob(".slotcon_mm-*")] == [True]


def test_a_mac_has_all_that_set_up_calls(checkout, tmp_path):
    (checkout / ".venv/bin").mkdir(parents=True)
    script = PYTHON_WITH_TORCH.replace("cp311 2.10.0 12.8 8.0,9.0", "cp311 2.11.0 cpu cpu")
    stand_in(checkout / ".venv/bin", "python", script)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in SYSTEM_TOOLS.split():
        (tools / name).symlink_to(str(shutil.which(name)))
    result = set_up(checkout, "det,seg", PATH=str(tools))
    assert result.returncode == 0, result.stderr
    assert "not found" not in result.stdout + result.stderr
    assert "ready:" in result.stdout
    assert set_up(checkout, "det,seg", PATH=str(tools)).stdout == ""


@pytest.mark.parametrize(
    ("output", "seconds", "answer"),
    [
        ("[1/78] c++ -MMD x.cpp\n[26/78] c++", 390, "[26/78], some 13 minutes left"),
        ("[77/78] c++", 770, "[77/78], some 1 minutes left"),
        ("Collecting mmcv", 10, ""),
        ("[0/78] c++", 10, ""),
    ],
)
def test_a_build_says_how_long_it_will_take(checkout, output, seconds, answer):
    (checkout / "output").write_text(output)
    result = subprocess.run(
        ["bash", "-c", f". tools/steps.sh; cat output >$log; remaining {seconds} || true"], cwd=checkout,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert result.stdout == answer


@pytest.mark.parametrize("pins", PINS.values())
def test_other_versions_of_torch_contradict_no_constraint(pins):
    """cuda-bindings and others differ with torch's CUDA; torch itself says which."""
    names = [line.partition("==")[0] for line in (REPOSITORY / "tools" / pins).read_text().splitlines()]
    assert "torch" in names
    assert not [name for name in names if name.startswith(("cuda-", "nvidia-", "triton"))]


@pytest.mark.parametrize("pins", PINS.values())
def test_every_constraint_is_an_exact_version(pins):
    lines = (REPOSITORY / "tools" / pins).read_text().splitlines()
    assert all("==" in line for line in lines if line and not line.startswith("#"))


def test_both_stacks_pin_the_same_torch():
    """What gpu_support.sh advises holds for both, and operators build with it."""
    pinned = [(REPOSITORY / "tools" / pins).read_text() for pins in PINS.values()]
    assert len({re.search(r"^torch==.+$", text, re.M)[0] for text in pinned}) == 1
