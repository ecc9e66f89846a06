"""Whether mmcv's compiled operators run where the model runs."""

from __future__ import annotations

from torch import nn

from slotcon_mm.launch.device import has_accelerator

__all__ = ["expect_operators"]

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


def uses_operators(model: nn.Module, scope: str | None) -> bool:
    """Whether there are layers of mmcv's operators in it; mmdet's detectors also call them as functions (NMS)."""
    return scope == "mmdet" or any(type(layer).__module__.startswith("mmcv.ops") for layer in model.modules())
