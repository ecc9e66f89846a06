"""The losses of pixels: both views, brought to the same place, should be grouped alike, and so should a view whose
student does not see all of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.dist import all_reduce
from mmengine.model import BaseModule
from torch import Tensor

from slotcon_mm.checks import expect_positive, expect_share
from slotcon_mm.models.functional import dense_cross_entropy
from slotcon_mm.models.heads.reduction import mean_over_ranks
from slotcon_mm.registry import MODELS

__all__ = ["GroupLossHead"]


@MODELS.register_module()
class GroupLossHead(BaseModule):
    """Self-distillation of the assignments with centering (paper section 3.1).

    Args:
        num_prototypes: K; the algorithm fills it in from the neck.
        student_temperature: Divides the student's scores.
        teacher_temperature: Divides the teacher's centered scores.
        center_momentum: Share of the old center in the new one.
    """

    center: Tensor

    def __init__(
        self,
        num_prototypes: int = 256,
        student_temperature: float = 0.1,
        teacher_temperature: float = 0.07,
        center_momentum: float = 0.9,
    ) -> None:
        super().__init__()
        expect_positive(
            num_prototypes=num_prototypes,
            student_temperature=student_temperature,
            teacher_temperature=teacher_temperature,
        )
        expect_share(center_momentum=center_momentum)
        self.num_prototypes = num_prototypes
        self.student_temperature = student_temperature
        self.teacher_temperature = teacher_temperature
        self.center_momentum = center_momentum
        self.register_buffer("center", torch.zeros(1, num_prototypes))
        self.collected = torch.zeros(num_prototypes + 1)  # sums of a step's teacher scores, and their number

    def forward(
        self,
        student: Sequence[Tensor],
        teacher: Sequence[Tensor],
        shared_B: Tensor,
        temperature: float | None = None,
    ) -> Tensor:
        """CE(1, 2) + CE(2, 1) of the aligned scores (B, K, H, W) of both views, a mean over all ranks' pixels.

        Pairs that share no region (``shared_B`` false) add 0 and stay in the denominator. ``temperature`` is that of
        the teacher in this step, where it changes.
        """
        per_pixel_BHW = self._cross_entropy(student[0], teacher[1], temperature) + self._cross_entropy(
            student[1], teacher[0], temperature
        )
        counted_BHW = torch.where(shared_B[:, None, None], per_pixel_BHW, 0)
        pixels = torch.full((), counted_BHW.numel(), device=counted_BHW.device, dtype=counted_BHW.dtype)
        return mean_over_ranks(counted_BHW.sum(), pixels)[0]

    def within_view(
        self,
        student: Sequence[Tensor],
        teacher: Sequence[Tensor],
        masked_B2HW: Tensor,
        temperature: float | None = None,
    ) -> Tensor:
        """M(1) + M(2): CE of a view's un-aligned scores with the teacher's of the same view (SlotMIM).

        M is a mean over all ranks' pixels that were masked in the student's view; 0, in the graph, if there are none.
        """
        per_pixel_B2HW = torch.stack(
            [self._cross_entropy(*scores, temperature) for scores in zip(student, teacher, strict=True)], dim=1
        )
        sums_2 = torch.where(masked_B2HW, per_pixel_B2HW, 0).sum(dim=(0, 2, 3))
        return mean_over_ranks(sums_2, masked_B2HW.sum(dim=(0, 2, 3)).to(sums_2.dtype))[0].sum()

    @torch.no_grad()
    def collect_scores(self, teacher_scores: Sequence[Tensor], *, first: bool) -> None:
        """Adds un-aligned teacher scores (B, K, H, W) of both views to those of the step's earlier micro-batches."""
        total_K = torch.stack([scores.sum(dim=(0, 2, 3)) for scores in teacher_scores]).sum(dim=0)
        pixels = sum(scores.shape[0] * scores.shape[2] * scores.shape[3] for scores in teacher_scores)
        packed = torch.cat([total_K, total_K.new_full((1,), pixels)])
        self.collected = packed if first else self.collected + packed

    @torch.no_grad()
    def update_center(self, moves: Tensor) -> None:
        """center = 0.9 center + 0.1 mean of the collected scores over views, pixels and ranks.

        It stays where ``moves``, a bool of no dimension, is false or the mean is not finite.
        """
        packed = self.collected.clone()
        all_reduce(packed)
        mean_1K = (packed[:-1] / packed[-1]).to(self.center.dtype)[None]
        moved_1K = self.center.lerp(mean_1K, 1 - self.center_momentum)
        self.center.copy_(torch.where(moves & mean_1K.isfinite().all(), moved_1K, self.center))

    def _cross_entropy(self, student_BKHW: Tensor, teacher_BKHW: Tensor, temperature: float | None = None) -> Tensor:
        return dense_cross_entropy(
            student_BKHW,
            teacher_BKHW,
            self.center,
            student_temperature=self.student_temperature,
            teacher_temperature=temperature or self.teacher_temperature,
        )
