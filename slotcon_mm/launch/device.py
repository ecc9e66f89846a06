"""Which device a run uses, and what is said where the machine's GPU cannot be used."""

from __future__ import annotations

import os
import shutil
import subprocess

import torch

__all__ = ["has_accelerator", "prepare_slurm_task", "select_device"]


def has_accelerator() -> bool:
    return torch.cuda.is_available()


def select_device(device: str | None) -> None:
    """Settles on the accelerator, or on the CPU where ``device`` asks for it or there is no other.

    Raises:
        ValueError: The driver shows a GPU that torch cannot use, and the CPU was not asked for.
    """
    if device == "cpu" or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        # what MMEngine and torch look at, in this process and in the loader's workers
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        return
    if has_accelerator():
        return
    visible = visible_gpu()
    if visible:
        build = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        raise ValueError(
            f"expected a GPU that torch can use, got {visible} with torch {torch.__version__} {build}. Update the "
            "driver (torch built for CUDA 13 needs 580 or newer, for CUDA 12 525 or newer), or install a torch built "
            "for an older CUDA; --device cpu trains on the CPU"
        )


def prepare_slurm_task() -> None:
    """What MMEngine (0.10.7) reads of a Slurm task's environment, made right.

    Where Slurm shows each task its own GPU only (``--gpus-per-task=1``), that is device 0, and MMEngine would take the
    task's local rank for the device. Jobs that share a machine get ports of their own.
    """
    if torch.cuda.device_count() == 1:
        os.environ["SLURM_LOCALID"] = "0"
    os.environ.setdefault("MASTER_PORT", str(20_000 + int(os.environ.get("SLURM_JOB_ID", 0)) % 10_000))


def visible_gpu() -> str | None:
    """Name and driver version of the first GPU that NVIDIA's driver shows, if there is one."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    query = [tool, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    lines = answer.stdout.strip().splitlines()
    if answer.returncode != 0 or not lines:
        return None
    name, _, driver = lines[0].rpartition(", ")
    return f"{name} (driver {driver})"
