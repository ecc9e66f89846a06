"""What MMEngine reads of a launcher's environment, made right for each process."""

from __future__ import annotations

import os
from zlib import crc32

import torch
from torch import distributed

__all__ = ["leave_processes", "number_of_processes", "prepare_process"]

OPEN_MPI = "OMPI_COMM_WORLD_"
# by launcher: what it sets that MMEngine reads, first the number of processes; and how to start with it
LAUNCHERS = {
    "pytorch": (("WORLD_SIZE", "RANK"), "torchrun (python -m torch.distributed.run) or tools/dist_*.sh"),
    "slurm": (("SLURM_NTASKS", "SLURM_PROCID", "SLURM_NODELIST"), "srun or tools/slurm_*.sh"),
    "mpi": (tuple(OPEN_MPI + name for name in ("SIZE", "RANK", "LOCAL_RANK")), "Open MPI's mpirun or tools/dist_*.sh"),
}


def prepare_process(launcher: str, local_rank: int) -> int:
    """Sets what MMEngine (0.10.7) reads; returns the number of this process's GPU.

    Args:
        launcher: MMEngine's ``launcher``: none, pytorch, slurm or mpi.
        local_rank: The command line's, which old versions of torch's launcher pass.

    Raises:
        ValueError: The launcher's environment lacks what is needed.
    """
    number_of_processes(launcher)
    if launcher == "slurm":
        prepare_slurm_task()
    elif launcher == "mpi":
        prepare_mpi_process()
    else:
        os.environ.setdefault("LOCAL_RANK", str(local_rank))
    return 0 if launcher == "none" else int(os.environ["LOCAL_RANK"])


def prepare_slurm_task() -> None:
    """MMEngine takes SLURM_LOCALID for the device.

    Jobs that share a machine, and the steps of a job, get ports of their own: those of steps lie apart, since jobs are
    numbered one after another.
    """
    os.environ["SLURM_LOCALID"] = os.environ["LOCAL_RANK"] = own_device(os.environ.get("SLURM_LOCALID", "0"))
    job, step = (int(os.environ.get(name, 0)) for name in ("SLURM_JOB_ID", "SLURM_STEP_ID"))
    os.environ.setdefault("MASTER_PORT", port_of(job + 1009 * step))


def prepare_mpi_process() -> None:
    """MMEngine takes OMPI_COMM_WORLD_LOCAL_RANK for the device, and LOCAL_RANK, which Open MPI does not set, for DDP's.

    On one machine the address of the first process is known; MMEngine wants it in any case. Jobs that share a machine
    get ports of their own, by PMIx's name of the job, which all its processes have.
    """
    name = OPEN_MPI + "LOCAL_RANK"
    os.environ[name] = os.environ["LOCAL_RANK"] = own_device(os.environ[name])
    if "PMIX_NAMESPACE" in os.environ:
        os.environ.setdefault("MASTER_PORT", port_of(crc32(os.environ["PMIX_NAMESPACE"].encode())))
    if "MASTER_ADDR" not in os.environ:
        here, everywhere = (os.environ.get(OPEN_MPI + size) for size in ("LOCAL_SIZE", "SIZE"))
        if here != everywhere:
            raise ValueError(
                f"expected MASTER_ADDR for --launcher mpi on several machines ({here} of {everywhere} processes are on "
                "this one), got none: pass the first machine's name by  mpirun -x MASTER_ADDR=NAME"
            )
        os.environ["MASTER_ADDR"] = "127.0.0.1"


def port_of(job: int) -> str:
    return str(20_000 + job % 10_000)


def own_device(local_rank: str) -> str:
    """The process's device: its local rank, but 0 where it is shown its own GPU only (``--gpus-per-task=1``, say)."""
    return "0" if torch.cuda.device_count() == 1 else local_rank


def number_of_processes(launcher: str) -> int:
    """Of the whole job, which the launcher's environment tells before the processes know of each other.

    Raises:
        ValueError: The environment lacks what the launcher sets for each process.
    """
    if launcher not in LAUNCHERS:
        return 1
    names, start = LAUNCHERS[launcher]
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise ValueError(
            f"expected {' and '.join(missing)} in the environment for --launcher {launcher}, got none: start with "
            f"{start}"
        )
    return int(os.environ[names[0]])


def leave_processes() -> None:
    """Ends the process group of a job that came to its end; NCCL warns of groups that are left open."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
