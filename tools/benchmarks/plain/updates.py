"""LARS and the teacher's average, a tensor at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["PlainLARS", "plain_lars", "plain_teacher"]


@torch.no_grad()
def plain_lars(
    params: Sequence[Tensor], momenta: Sequence[Tensor], lr: float, momentum: float, decay: float, trust: float
) -> None:
    """The optimizer's formula, written down as it stands."""
    for param, buffer in zip(params, momenta, strict=True):
        update = param.grad
        assert update is not None
        if param.ndim > 1:
            update = update + decay * param
            param_norm, update_norm = param.norm(), update.norm()
            ratio = torch.where((param_norm > 0) & (update_norm > 0), trust * param_norm / update_norm, 1.0)
            update = update * ratio
        buffer.mul_(momentum).add_(update)
        param.sub_(lr * buffer)


@torch.no_grad()
def plain_teacher(teacher: Sequence[Tensor], student: Sequence[Tensor], momentum: float) -> None:
    """teacher = m teacher + (1 - m) student, each into new memory."""
    for mine, theirs in zip(teacher, student, strict=True):
        mine.data = momentum * mine.data + (1 - momentum) * theirs.data


class PlainLARS(torch.optim.Optimizer):
    """``plain_lars`` as torch's schedulers and scalers want it."""

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float, decay: float, trust: float) -> None:
        super().__init__(params, dict(lr=lr, momentum=momentum, decay=decay, trust=trust))

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            params = group["params"]
            momenta = [self.state[p].setdefault("momentum_buffer", torch.zeros_like(p)) for p in params]
            plain_lars(params, momenta, group["lr"], group["momentum"], group["decay"], group["trust"])
