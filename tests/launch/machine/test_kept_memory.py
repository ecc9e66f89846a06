"""Freed memory is reused by a process that asked for it, and by no other."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

glibc_only = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")

# pages that the system had to clear for a large tensor, again and again, once the heap has room for one: where small
# pieces lie between, the first few (3 to 9 seen) are each laid at its end
SCRIPT = """
import resource, torch
import slotcon_mm.engine
from slotcon_mm.launch.machine.kept_memory import keep_freed_memory
if {keep}:
    print(keep_freed_memory())
for _ in range(24):
    torch.ones(16 * 2**20)  # 64 MB
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    torch.ones(16 * 2**20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def run(keep: bool, **variables: str) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", SCRIPT.format(keep=keep)]
    return subprocess.run(
        command, env={**environment, **variables}, capture_output=True, text=True, check=True
    ).stdout.split()


@glibc_only
def test_large_tensors_are_cleared_by_the_system_once():
    (given_back,) = run(keep=False)
    done, kept = run(keep=True)
    assert done == "True"
    assert int(kept) * 20 < int(given_back)


def test_the_users_settings_are_left_alone():
    done, _ = run(keep=True, MALLOC_ARENA_MAX="2")
    assert done == "False"
