"""torch's fused SGD kernel, p = p - lr (momentum mu + g) in one pass over memory, and what such kernels take."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.utils import digit_version
from torch import Tensor

__all__ = ["can_fuse", "in_layout_of", "lie_alike"]

# there since 2.4; how it orders decay and ``maximize``, which the teacher's update rests on, was read from 2.8 on
HAS_FUSED_SGD = digit_version(torch.__version__) >= digit_version("2.8")


def can_fuse(*lists: Sequence[Tensor]) -> bool:
    """Whether ``torch._fused_sgd_`` takes these lists."""
    return HAS_FUSED_SGD and lie_alike(*lists)


def lie_alike(*lists: Sequence[Tensor]) -> bool:
    """Whether the tensors at each place of the lists have one layout, and all of them one type and device.

    Fused kernels read dense tensors as plain runs of memory: of other tensors, those for CPUs mix up the values.
    """
    kinds = {(t.dtype, t.device) for tensors in lists for t in tensors}
    layouts = (len({layout_of(t) for t in together}) == 1 for together in zip(*lists, strict=True))
    return len(kinds) == 1 and all(layouts)


def layout_of(tensor: Tensor) -> tuple[int, ...]:
    """Strides of the dimensions that have more than one place."""
    return tuple(stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if size > 1)


def in_layout_of(param: Tensor, gradient: Tensor) -> Tensor:
    """The gradient with its parameter's strides where only those of dimensions of size 1 differ.

    A 1x1 kernel is both contiguous and channels-last; convolutions choose one spelling for the gradient, the parameter
    may have the other, and torch's ``foreach`` kernels for devices want both alike.
    """
    if param.stride() == gradient.stride() or layout_of(param) != layout_of(gradient):
        return gradient
    return gradient.as_strided(param.shape, param.stride())
