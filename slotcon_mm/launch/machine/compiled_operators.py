"""Whether mmcv's compiled operators run where the model runs, and in its precision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from slotcon_mm.launch.machine.device import has_accelerator

__all__ = ["expect_operators", "expect_precision"]

WITHOUT_CUDA = "not available"  # mmcv's answer


def expect_operators(model: nn.Module, scope: str | None) -> None:
    """ValueError for a model on a GPU whose operators were compiled for the CPU only, on a login node, say.

    Without this the first of them fails: "implementation for device cuda:0 not found".
    """
    if not has_accelerator() or not uses_operators(model, scope):
        return
    from mmcv.ops import get_compiling_cuda_version

    if get_compiling_cuda_version() == WITHOUT_CUDA:
        raise ValueError(
            "expected mmcv's operators compiled for CUDA, which this model uses on a GPU, got operators for the CPU "
            "only: run  bash tools/setup_env.sh det,seg  on a machine with the GPU (or anywhere, with "
            'TORCH_CUDA_ARCH_LIST="8.0 9.0" set to the compute capabilities of your GPUs), or pass --device cpu'
        )


def expect_precision(scope: str | None, optim_wrapper: Mapping[str, Any]) -> None:
    """ValueError for a detector in bfloat16: mmcv (2.1.0) has no RoIAlign for it, which the first step would tell."""
    if scope == "mmdet" and has_accelerator() and optim_wrapper.get("dtype") == "bfloat16":
        raise ValueError(
            "expected optim_wrapper.dtype=float16 (or none) for MMDetection, got bfloat16, in which mmcv has no "
            "RoIAlign: set --cfg-options optim_wrapper.dtype=float16"
        )


def uses_operators(model: nn.Module, scope: str | None) -> bool:
    """Whether there are layers of mmcv's operators in it; mmdet's detectors also call them as functions (NMS)."""
    return scope == "mmdet" or any(type(layer).__module__.startswith("mmcv.ops") for layer in model.modules())
