"""How many compilers run at a time."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPT = Path(__file__).parents[2] / "tools/build_jobs.py"
build_jobs = SimpleNamespace(**runpy.run_path(str(SCRIPT)))
GB = 2**30


@pytest.mark.parametrize(
    ("cores", "free_gb", "jobs"), [(180, 1000, 180), (180, 64, 32), (8, 5.9, 2), (8, 1.2, 1), (2, -0.5, 1), (2, 64, 2)]
)
def test_each_compiler_has_a_core_and_two_gigabytes(cores, free_gb, jobs):
    assert build_jobs.jobs(cores, free_gb) == jobs


def write_group(folder: Path, limit: int | str, used: int, cached: int, *, version: int = 2) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = ("max", "current") if version == 2 else ("limit_in_bytes", "usage_in_bytes")
    for name, value in zip(names, (limit, used), strict=True):
        (folder / f"memory.{name}").write_text(f"{value}\n")
    (folder / "memory.stat").write_text(f"anon 1\ninactive_file {cached}\n")


def test_a_jobs_limit_counts_at_whatever_height_of_the_tree_it_lies(tmp_path):
    proc = tmp_path / "cgroup"
    proc.write_text("0::/slurm/job_7/step_0\n")
    write_group(tmp_path / "fs/slurm/job_7", 8 * GB, 3 * GB, GB)
    write_group(tmp_path / "fs/slurm/job_7/step_0", "max", 3 * GB, GB)
    assert build_jobs.left_in_groups(proc, tmp_path / "fs") == [6.0]


def test_a_container_sees_its_group_as_the_root(tmp_path):
    proc = tmp_path / "cgroup"
    proc.write_text("5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n")
    write_group(tmp_path / "fs/memory", 4 * GB, GB, 0, version=1)
    assert build_jobs.left_in_groups(proc, tmp_path / "fs") == [3.0]


def test_other_systems_have_no_groups(tmp_path):
    assert build_jobs.left_in_groups(tmp_path / "none", tmp_path / "none") == []


def test_the_script_prints_a_number_that_fits_this_machine():
    printed = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=True).stdout
    assert 1 <= int(printed) <= (os.cpu_count() or 1)


def test_without_affinity_all_cores_count(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert build_jobs.cores() == os.cpu_count()
