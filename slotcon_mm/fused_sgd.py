"""torch's fused SGD kernel, p = p - lr (momentum mu + g) in one pass over memory, and when it can be used."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.utils import digit_version
from torch import Tensor

__all__ = ["can_fuse", "in_layout_of"]

# on CPUs too from torch 2.4 on
HAS_FUSED_SGD = digit_version(torch.__version__) >= digit_version("2.4")


def can_fuse(*lists: Sequence[Tensor]) -> bool:
    """Whether ``torch._fused_sgd_`` takes these lists: it reads tensors as plain runs of memory of one type."""
    if not HAS_FUSED_SGD:
        return False
    kinds = {(t.dtype, t.device) for tensors in lists for t in tensors}
    strides = (len({t.stride() for t in together}) == 1 for together in zip(*lists, strict=True))
    return len(kinds) == 1 and all(strides)


def in_layout_of(param: Tensor, gradient: Tensor) -> Tensor:
    """The gradient with its parameter's strides where only those of dimensions of size 1 differ.

    A 1x1 kernel is both contiguous and channels-last; convolutions choose one spelling for the gradient, the parameter
    may have the other, and torch's ``foreach`` and fused kernels want both alike.
    """
    ours, theirs = param.stride(), gradient.stride()
    if ours == theirs or any(a != b and size > 1 for size, a, b in zip(param.shape, ours, theirs, strict=True)):
        return gradient
    return gradient.as_strided(param.shape, ours)
