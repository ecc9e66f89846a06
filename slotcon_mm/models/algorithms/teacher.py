"""The momentum teacher: a copy of the student whose parameters follow it and whose BN statistics are its own."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from slotcon_mm.fused_sgd import can_fuse
from slotcon_mm.models.functional import teacher_momentum
from slotcon_mm.models.necks.grouping_neck import Grouping, GroupingNeck

__all__ = ["Teacher"]

# what layers call the share that they drop in training: DropPath and DropBlock; attention of mmpretrain, timm, torch
# and torchvision, which hand a number on to torch's functions; DenseNets
SHARES_DROPPED = ("drop_prob", "attn_drop", "attn_drop_p", "dropout", "attention_dropout", "drop_rate")


class Teacher(nn.Module):
    """Exponential moving average of backbone and neck (design: parameters move at the start of a step).

    MMEngine's averaged models copy the student's buffers at every update and the parameters at the first one; here
    only parameters move, always by the average, and BN statistics come from the teacher's own training-mode forward.
    It drops nothing (dropout, stochastic depth): its targets are those of the whole network.
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
        self.backbone = without_dropping(deepcopy(backbone)).requires_grad_(False)
        self.neck = deepcopy(neck).requires_grad_(False)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def forward(self, view: Tensor, temperature: float | None = None) -> Grouping:
        return self.neck(self.backbone(view), temperature)

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
        follow(mine, student, 1 - momentum, moves)
        self.steps += moves
        return momentum

    def _parameters_with(self, backbone: nn.Module, neck: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
        mine = [*self.backbone.parameters(), *self.neck.parameters()]
        return mine, [*backbone.parameters(), *neck.parameters()]


def without_dropping(backbone: nn.Module) -> nn.Module:
    """Takes dropout, DropBlock and stochastic depth out of mmcv's, timm's and torchvision's networks, in place."""
    for layer in backbone.modules():
        of_dropout = isinstance(layer, _DropoutNd) or type(layer).__name__ == "StochasticDepth"
        for name in (*SHARES_DROPPED, *(("p",) if of_dropout else ())):
            if isinstance(vars(layer).get(name), int | float):
                setattr(layer, name, 0.0)
    return backbone


def follow(teacher: list[Tensor], student: list[Tensor], share: Tensor, moves: Tensor) -> None:
    """teacher = (1 - share) teacher + share student, in place; nothing where ``moves`` is false.

    torch's fused SGD computes it in one pass over memory: with the decay 1 and the student as a gradient to ascend, its
    p = p - lr (1 p - g) is teacher - share (teacher - student). Its kernels want a float32 ``lr``.
    """
    if teacher[0].dtype == torch.float32 and can_fuse(teacher, student):
        torch._fused_sgd_(
            teacher, student, [], weight_decay=1.0, momentum=0.0, lr=share.float(), dampening=0.0, nesterov=False,
            maximize=True, is_first_step=False, grad_scale=None, found_inf=(~moves).float(),
        )  # fmt: skip
        return
    ways = torch._foreach_sub(student, teacher)  # of nothing where both are alike: such a teacher rests to the bit
    torch._foreach_mul_(ways, torch.where(moves, share, 0).to(teacher[0].dtype))
    torch._foreach_add_(teacher, ways)
