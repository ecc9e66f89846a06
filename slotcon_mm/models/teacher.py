"""The momentum teacher: a copy of the student whose parameters follow it and whose BN statistics are its own."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from slotcon_mm.models.functional import teacher_momentum
from slotcon_mm.models.grouping import Grouping, GroupingNeck

__all__ = ["Teacher"]


class Teacher(nn.Module):
    """Exponential moving average of backbone and neck (design: parameters move at the start of a step).

    MMEngine's averaged models copy the student's buffers at every update and the parameters at the first one; here
    only parameters move, always by the average, and BN statistics come from the teacher's own training-mode forward.
    It is a plain ``nn.Module`` so that MMEngine's ``init_weights`` does not draw it anew.

    Args:
        momentum: m of the first step; it rises to 1 with half a cosine.
    """

    steps: Tensor

    def __init__(self, backbone: nn.Module, neck: GroupingNeck, momentum: float = 0.99) -> None:
        super().__init__()
        if not 0 <= momentum < 1:
            raise ValueError(f"expected teacher_momentum in [0, 1), got {momentum}")
        self.momentum = momentum
        self.backbone = deepcopy(backbone).requires_grad_(False)
        self.neck = deepcopy(neck).requires_grad_(False)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def forward(self, view: Tensor) -> Grouping:
        return self.neck(self.backbone(view))

    @torch.no_grad()
    def copy_student(self, backbone: nn.Module, neck: nn.Module) -> None:
        """Copies the student's parameters, not its BN statistics."""
        for mine, student in zip(*self._parameters_with(backbone, neck), strict=True):
            mine.copy_(student)

    @torch.no_grad()
    def update(self, backbone: nn.Module, neck: nn.Module, total_steps: int, moves: Tensor) -> Tensor:
        """Moves the parameters to m teacher + (1 - m) student, counts the step and returns m, a scalar tensor.

        Nothing moves where ``moves``, a bool of no dimension, is false.
        """
        momentum = teacher_momentum(self.steps, total_steps, self.momentum)
        mine, student = self._parameters_with(backbone, neck)
        share = torch.where(moves, momentum, 1).to(mine[0].dtype)
        torch._foreach_mul_(mine, share)
        torch._foreach_add_(mine, torch._foreach_mul(student, 1 - share))
        self.steps += moves
        return momentum

    def _parameters_with(self, backbone: nn.Module, neck: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
        mine = [*self.backbone.parameters(), *self.neck.parameters()]
        return mine, [*backbone.parameters(), *neck.parameters()]
