"""What each launcher's processes find in their environment."""

from __future__ import annotations

import os

import pytest
import torch

from slotcon_mm.launch.machine.launchers import LAUNCHERS, number_of_processes, prepare_process

NAMES = ("LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "SLURM_LOCALID", "SLURM_JOB_ID", "SLURM_STEP_ID",
         "PMIX_NAMESPACE", *LAUNCHERS["pytorch"][0], *LAUNCHERS["slurm"][0])  # fmt: skip
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


def in_slurm(monkeypatch: pytest.MonkeyPatch, *, local_rank: int) -> None:
    task = dict(NTASKS=4, PROCID=local_rank, NODELIST="node[1-2]", LOCALID=local_rank)
    for name, value in task.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))


@pytest.mark.parametrize(("visible", "local_rank"), [(1, 0), (4, 3)])
def test_a_slurm_task_that_sees_one_gpu_takes_it(monkeypatch, visible, local_rank):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: visible)
    in_slurm(monkeypatch, local_rank=3)
    monkeypatch.setenv("SLURM_JOB_ID", "1234567")
    assert prepare_process("slurm", 0) == local_rank
    assert os.environ["SLURM_LOCALID"] == os.environ["LOCAL_RANK"] == str(local_rank)
    assert os.environ["MASTER_PORT"] == "24567"


def port(monkeypatch: pytest.MonkeyPatch, launcher: str, **environment: str) -> str:
    os.environ.pop("MASTER_PORT", None)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    prepare_process(launcher, 0)
    return os.environ["MASTER_PORT"]


def test_jobs_and_steps_of_a_job_have_ports_of_their_own(monkeypatch):
    in_slurm(monkeypatch, local_rank=0)
    tasks = [(str(job), str(step)) for job in range(500, 600) for step in range(9)]
    ports = {port(monkeypatch, "slurm", SLURM_JOB_ID=job, SLURM_STEP_ID=step) for job, step in tasks}
    assert len(ports) == len(tasks)
    assert all(20_000 <= int(number) < 30_000 for number in ports)


def test_mpi_jobs_have_ports_of_their_own_which_their_processes_share(monkeypatch):
    in_mpi(monkeypatch, local_rank=0)
    first = port(monkeypatch, "mpi", PMIX_NAMESPACE="prterun-node1-4711@1")
    assert first == port(monkeypatch, "mpi", PMIX_NAMESPACE="prterun-node1-4711@1", OMPI_COMM_WORLD_RANK="3")
    assert first != port(monkeypatch, "mpi", PMIX_NAMESPACE="prterun-node1-4712@1")
    assert port(monkeypatch, "mpi", MASTER_PORT="29999") == "29999"


def test_a_port_that_is_given_stays(monkeypatch):
    in_slurm(monkeypatch, local_rank=0)
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


def test_torchruns_rank_is_kept_and_an_older_launchers_is_taken(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "2")
    assert prepare_process("pytorch", 2) == 2
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert prepare_process("pytorch", 0) == 3


def test_a_single_process_uses_the_first_device_it_sees(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert prepare_process("none", 0) == 0


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_each_launcher_tells_the_number_of_processes(monkeypatch, launcher):
    for name, value in zip(LAUNCHERS[launcher][0], ("6", "2", "1"), strict=False):
        monkeypatch.setenv(name, value)
    assert number_of_processes(launcher) == 6
    assert number_of_processes("none") == 1


@pytest.mark.parametrize(
    ("launcher", "there", "said"),
    [
        ("pytorch", (), r"expected WORLD_SIZE and RANK in .* --launcher pytorch, got none: start with torchrun"),
        ("pytorch", ("WORLD_SIZE",), "expected RANK in "),
        ("slurm", (), r"SLURM_NTASKS and SLURM_PROCID and SLURM_NODELIST.*start with srun or tools/slurm_\*\.sh"),
        ("slurm", ("SLURM_NTASKS", "SLURM_NODELIST"), "expected SLURM_PROCID in "),  # sbatch without srun
        ("mpi", ("WORLD_SIZE", "PMI_SIZE"), r"OMPI_COMM_WORLD_LOCAL_RANK.*Open MPI's mpirun or tools/dist_"),
    ],
)
def test_a_launcher_that_did_not_start_the_process_is_said(monkeypatch, launcher, there, said):
    for name in there:
        monkeypatch.setenv(name, "2")
    with pytest.raises(ValueError, match=said):
        prepare_process(launcher, 0)
