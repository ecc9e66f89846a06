"""What each launcher's processes find in their environment."""

from __future__ import annotations

import os

import pytest
import torch

from slotcon_mm.launch.launchers import number_of_processes, prepare_process

NAMES = ("LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "SLURM_LOCALID", "SLURM_JOB_ID")
MPI_NAMES = tuple(f"OMPI_COMM_WORLD_{name}" for name in ("LOCAL_RANK", "LOCAL_SIZE", "SIZE", "RANK"))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES + MPI_NAMES:
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)


def in_mpi(monkeypatch: pytest.MonkeyPatch, *, local_rank: int, local_size: int = 4, size: int = 4) -> None:
    for name, value in zip(MPI_NAMES, (local_rank, local_size, size, local_rank), strict=True):
        monkeypatch.setenv(name, str(value))


@pytest.mark.parametrize(("visible", "local_rank"), [(1, 0), (4, 3)])
def test_a_slurm_task_that_sees_one_gpu_takes_it(monkeypatch, visible, local_rank):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: visible)
    monkeypatch.setenv("SLURM_LOCALID", "3")
    monkeypatch.setenv("SLURM_JOB_ID", "1234567")
    assert prepare_process("slurm", 0) == local_rank
    assert os.environ["SLURM_LOCALID"] == os.environ["LOCAL_RANK"] == str(local_rank)
    assert os.environ["MASTER_PORT"] == "24567"


def test_a_port_that_is_given_stays(monkeypatch):
    monkeypatch.setenv("SLURM_LOCALID", "0")
    monkeypatch.setenv("MASTER_PORT", "29999")
    prepare_process("slurm", 0)
    assert os.environ["MASTER_PORT"] == "29999"


@pytest.mark.parametrize("rank", range(4))
def test_each_mpi_process_has_its_own_device(monkeypatch, rank):
    in_mpi(monkeypatch, local_rank=rank)
    monkeypatch.setenv("LOCAL_RANK", "0")  # of a shell around the job
    assert prepare_process("mpi", 0) == rank
    assert os.environ["LOCAL_RANK"] == os.environ["OMPI_COMM_WORLD_LOCAL_RANK"] == str(rank)
    assert os.environ["MASTER_ADDR"] == "127.0.0.1"


def test_an_mpi_process_that_sees_one_gpu_takes_it(monkeypatch):
    in_mpi(monkeypatch, local_rank=2)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert prepare_process("mpi", 0) == 0
    assert os.environ["LOCAL_RANK"] == os.environ["OMPI_COMM_WORLD_LOCAL_RANK"] == "0"


def test_several_machines_need_an_address(monkeypatch):
    in_mpi(monkeypatch, local_rank=1, local_size=4, size=8)
    with pytest.raises(ValueError, match=r"4 of 8 processes.*mpirun -x MASTER_ADDR=NAME"):
        prepare_process("mpi", 0)
    monkeypatch.setenv("MASTER_ADDR", "node7")
    assert prepare_process("mpi", 0) == 1
    assert os.environ["MASTER_ADDR"] == "node7"


def test_another_mpi_is_refused():
    with pytest.raises(ValueError, match=r"expected Open MPI's OMPI_COMM_WORLD_LOCAL_RANK.*dist_train\.sh"):
        prepare_process("mpi", 0)


def test_torchruns_rank_is_kept_and_an_older_launchers_is_taken(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert prepare_process("pytorch", 2) == 2
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert prepare_process("pytorch", 0) == 3


def test_a_single_process_uses_the_first_device_it_sees(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert prepare_process("none", 0) == 0


@pytest.mark.parametrize(
    ("launcher", "name"), [("pytorch", "WORLD_SIZE"), ("slurm", "SLURM_NTASKS"), ("mpi", "OMPI_COMM_WORLD_SIZE")]
)
def test_each_launcher_tells_the_number_of_processes(monkeypatch, launcher, name):
    monkeypatch.setenv(name, "6")
    assert number_of_processes(launcher) == 6
    assert number_of_processes("none") == 1


def test_a_launcher_that_did_not_start_the_process_is_said(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(
        ValueError, match=r"WORLD_SIZE in the environment for --launcher pytorch, got none: start with torchrun"
    ):
        prepare_process("pytorch", 0)
