"""Prints how many compilers setup_env.sh runs at a time: as many as cores, with 2 GB of free memory for each."""

from __future__ import annotations

import os
from pathlib import Path

GB_PER_COMPILER = 2  # nvcc's share on mmcv's largest files
# of Linux's control groups, by version: where they lie, and the files that tell the limit and what is used
GROUPS = {
    "0::": (".", "memory.max", "memory.current"),
    ":memory:": ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
}


def cores() -> int:
    """Those that this process may use; systems other than Linux do not say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_gb() -> float:
    """Of the machine, and of the groups that a container or Slurm puts this process in, whichever is least."""
    import psutil

    return min([psutil.virtual_memory().available / 2**30, *left_in_groups()])


def left_in_groups(proc: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> list[float]:
    """GB that each control group leaves to this process; none on other systems than Linux."""
    left = []
    for line in proc.read_text().splitlines() if proc.is_file() else []:
        for mark, (place, limit, used) in GROUPS.items():
            if mark in line:
                # a container may see its group as the root, and not the path to it
                path = root / place / line.partition(mark)[2].lstrip("/")
                folders = [path, *path.parents][: len(path.relative_to(root / place).parts) + 1]
                left += [gb for folder in folders if (gb := left_in(folder / limit, folder / used)) is not None]
    return left


def left_in(limit: Path, used: Path) -> float | None:
    if not limit.is_file() or not used.is_file() or limit.read_text().strip() == "max":
        return None
    stat = limit.with_name("memory.stat")
    counts = dict(line.split() for line in stat.read_text().splitlines()) if stat.is_file() else {}
    cached = counts.get("total_inactive_file", counts.get("inactive_file", 0))  # goes when memory is asked for
    return (int(limit.read_text()) - int(used.read_text()) + int(cached)) / 2**30


def jobs(cores: int, free_gb: float) -> int:
    return max(1, min(cores, int(free_gb / GB_PER_COMPILER)))


if __name__ == "__main__":
    print(jobs(cores(), free_gb()))
