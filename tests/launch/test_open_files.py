"""Batches under a low limit on open files."""

from __future__ import annotations

import subprocess

import pytest
from processes import run_python

from slotcon_mm.launch.open_files import allow_open_files

resource = pytest.importorskip("resource")

# a loader that hands over each sample's tensor by itself, under a limit that its batches exceed
SCRIPT = """
import resource, sys
import torch
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader
from slotcon_mm.launch.open_files import allow_open_files

batch, soft, hard = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
loader = dict(batch_size=batch, num_workers=1)
for note in allow_open_files(dict(train_dataloader=loader)):
    print(note)
samples = [dict(inputs=torch.zeros(3, 4, 4)) for _ in range(2 * batch)]
for found in DataLoader(samples, collate_fn=pseudo_collate, **loader):
    assert len(found["inputs"]) == batch
print(torch.multiprocessing.get_sharing_strategy())
"""


def run(batch: int, soft: int, hard: int) -> subprocess.CompletedProcess:
    return run_python("-c", SCRIPT, *map(str, (batch, soft, hard)))


def test_the_limit_is_raised_as_far_as_the_system_allows():
    assert run(100, 150, 1500).stdout.split() == ["file_descriptor"]


def test_where_that_does_not_suffice_tensors_are_shared_by_names_and_it_is_said():
    found = run(100, 150, 150).stdout.splitlines()
    assert found == [
        "ulimit -n allows 150 open files, and batches of 100 may need 1456: loaders share tensors by names in /dev/shm "
        "instead",
        "file_system",
    ]


def test_a_system_that_reports_no_limit_but_takes_a_number_only_gets_a_number(monkeypatch):
    limits = [256, resource.RLIM_INFINITY]

    def as_on_macos(kind, asked):
        if not 0 <= asked[0] <= 10_240 or asked[0] == resource.RLIM_INFINITY:
            raise ValueError("current limit exceeds maximum limit")
        limits[:] = asked

    monkeypatch.setattr(resource, "getrlimit", lambda kind: tuple(limits))
    monkeypatch.setattr(resource, "setrlimit", as_on_macos)
    assert allow_open_files(dict(train_dataloader=dict(batch_size=64, num_workers=1))) == []
    assert limits == [10_240, resource.RLIM_INFINITY]
