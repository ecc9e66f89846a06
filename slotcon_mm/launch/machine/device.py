"""Which device a run uses, and what is said where the machine's GPU cannot be used."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import torch
from mmengine.device import get_device

from slotcon_mm.checkpoints.bounded_memory import first_line
from slotcon_mm.host_fixes import keep_models_on_the_cpu
from slotcon_mm.launch.machine.gpu_kernels import expect_kernels

__all__ = ["default_device", "device_named", "has_accelerator", "memory_of_smallest_gpu", "select_device"]


def has_accelerator() -> bool:
    """Whether models go to a GPU; not after ``select_device('cpu')``, whatever the machine has."""
    return get_device() == "cuda"


def select_device(device: str | None, gpu: int = 0) -> None:
    """Settles on the GPU, or on the CPU where ``device`` asks for it or there is no CUDA device.

    The choice is this process's, for good.

    Args:
        device: ``'cpu'``; None: a GPU if there is one.
        gpu: The number of the GPU that this process would use.

    Raises:
        ValueError: The machine has a GPU that torch cannot use, and the CPU was not asked for.
    """
    if device == "cpu" or hides_gpus(os.environ.get("CUDA_VISIBLE_DEVICES")):
        stay_on_the_cpu()
        return
    if has_accelerator():
        expect_usable_gpu(gpu)
        return
    if get_device() != "cpu":
        print(f"the CPU is used: nothing of this was tried on '{get_device()}' devices", file=sys.stderr)
        stay_on_the_cpu()
        return
    visible = visible_gpu()
    if visible:
        build = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        raise ValueError(
            f"expected a GPU that torch can use, got {visible} with torch {torch.__version__} {build}. Update the "
            "driver (torch built for CUDA 13 needs 580 or newer, for CUDA 12 525 or newer), or install a torch built "
            "for an older CUDA; --device cpu trains on the CPU"
        )


def hides_gpus(visible_devices: str | None) -> bool:
    """Whether a value of CUDA_VISIBLE_DEVICES names no GPU: empty, -1, Slurm's NoDevFiles, a container's void."""
    return visible_devices is not None and not re.match(r"\s*\+?\d|GPU-|MIG-", visible_devices)


def stay_on_the_cpu() -> None:
    keep_models_on_the_cpu()
    # for this process's children, such as the loader's workers
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    # torch.cuda.is_available() then heeds that variable, though the CUDA runtime, which was asked when MMEngine was
    # imported, goes on saying what it found (https://pytorch.org/docs/stable/cuda_environment_variables.html)
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"


def default_device() -> str:
    """Where one process works that was told nothing: ``'cuda'`` or ``'cpu'``.

    Raises:
        ValueError: torch has no kernels for the GPU.
    """
    if not has_accelerator():
        return "cpu"
    expect_usable_gpu(0)
    return "cuda"


def device_named(name: str | None) -> str:
    """The device of that name, as torch knows it; None: ``default_device``.

    Raises:
        ValueError: torch cannot use it here.
    """
    if name is None:
        return default_device()
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"expected a device that torch can use, got {name}: {first_line(error)}; cpu always is one"
        ) from None
    return name


def memory_of_smallest_gpu() -> float:
    """GiB of the one with the least memory that this process is shown: the same for all processes of a machine."""
    sizes = [torch.cuda.get_device_properties(index).total_memory for index in range(torch.cuda.device_count())]
    return min(sizes) / 2**30


def expect_usable_gpu(index: int) -> None:
    """ValueError if this process's GPU is not there, or torch has no kernels for it."""
    count = torch.cuda.device_count()
    if index >= count:
        raise ValueError(
            f"expected a GPU for each process of this machine, got process {index} (counted from 0) and {count} GPUs: "
            "start as many processes as there are GPUs, or show them more by CUDA_VISIBLE_DEVICES"
        )
    expect_kernels(index)


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
