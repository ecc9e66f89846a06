"""SlotMIM: a student that sees part of each view, a teacher that sees all, three losses."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from mmengine.logging import MessageHub
from mmpretrain.structures import DataSample
from torch import Tensor

from slotcon_mm.checks import expect_positive
from slotcon_mm.models.algorithms.grouping_algorithm import (
    GroupingAlgorithm,
    align,
    groupings_of_views,
    stack_geometry,
)
from slotcon_mm.models.algorithms.monitor import health_scalars
from slotcon_mm.models.functional import shares_region, teacher_temperature
from slotcon_mm.models.layers.batch_norm import count_batches
from slotcon_mm.registry import MODELS

__all__ = ["SlotMIM"]


@MODELS.register_module()
class SlotMIM(GroupingAlgorithm):
    """Masked image modeling with semantic grouping (Wen et al., CVPR 2025, https://arxiv.org/abs/2503.06960).

    The loss is w (cross_view (C12 + C21) + within_view (M1 + M2)) / 2 + (1 - w) (N12 + N21) / 2: C and N are SlotCon's
    two losses, M the cross entropy on a view's masked pixels with the teacher's scores of the same view. A weight of 0,
    or w = 1, switches a loss off.

    Args:
        cross_view_weight: Of C.
        within_view_weight: Of M.
        first_temperature: Of the teacher in the first epoch, for its targets and for the assignment of pixels in both
            networks; it rises evenly to ``neck.temperature``.
        temperature_epochs: Number of epochs until that; 0 for a constant temperature.
        teacher_momentum: Of the first step, as in ``GroupingAlgorithm``.
        kwargs: As in ``GroupingAlgorithm``. In the paper, the neck and the slot head have no BN (``norm=False``). The
            backbone takes masks (``MaskedVisionTransformer``) where ``PairedViews`` draws some.
    """

    def __init__(
        self,
        *args: Any,
        cross_view_weight: float = 1.0,
        within_view_weight: float = 1.0,
        first_temperature: float = 0.04,
        temperature_epochs: int = 50,
        teacher_momentum: float = 0.996,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, teacher_momentum=teacher_momentum, **kwargs)
        expect_positive(first_temperature=first_temperature)
        for name, value in dict(
            cross_view_weight=cross_view_weight,
            within_view_weight=within_view_weight,
            temperature_epochs=temperature_epochs,
        ).items():
            if value < 0:
                raise ValueError(f"expected {name} of 0 or more, got {value}")
        targets, assignment = self.group_head.teacher_temperature, self.neck.temperature
        if targets != assignment:
            raise ValueError(
                "expected one temperature of the teacher, got group_head.teacher_temperature="
                f"{targets} and neck.temperature={assignment}"
            )
        if self.group_weight == 1:
            if not cross_view_weight + within_view_weight:
                raise ValueError("expected a loss, got a group_weight of 1 and weights of 0 for both losses of pixels")
            self.slot_head.requires_grad_(False)  # its loss is left out
        self.takes_masks = len(inspect.signature(self.backbone.forward).parameters) > 1
        self.cross_view_weight = cross_view_weight
        self.within_view_weight = within_view_weight
        self.first_temperature = first_temperature
        self.temperature_epochs = temperature_epochs

    def loss(self, inputs: list[Tensor], data_samples: list[DataSample]) -> dict[str, Tensor]:
        """A training step's losses, or those of one of its micro-batches, and the step's updates of teacher and center.

        Args:
            inputs: Two normalized views (B, 3, H, W).
            data_samples: B samples as ``SlotCon``'s, with ``masks`` (2, h, w) bool of both views' grids of patches;
                without them the student sees all of both views.

        Returns:
            ``loss_cross_view``, ``loss_within_view`` and ``loss_slot``, weights applied, and log-only scalars.
        """
        boxes_B24, flipped_B2 = stack_geometry(inputs, data_samples)
        masked_B2HW = self.stack_masks(data_samples, inputs[0].device)
        temperature = self.temperature_of_epoch()

        self._move_teacher()
        passes = self._passes(inputs)
        features = [
            self.backbone(images, *mask)
            for images, mask in zip(passes, masks_of_passes(masked_B2HW, len(passes)), strict=True)
        ]
        student = groupings_of_views([self.neck(maps, temperature) for maps in features])
        teacher = groupings_of_views([self.teacher(images, temperature) for images in passes])
        count_batches(self.batch_norms, len(inputs))

        losses = {}
        if self.cross_view_weight:
            aligned = [align(views, boxes_B24, flipped_B2) for views in (student, teacher)]
            cross_view = self.group_head(*aligned, shares_region(boxes_B24), temperature)
            losses["loss_cross_view"] = self.group_weight * self.cross_view_weight * cross_view / 2
        if masked_B2HW is not None and self.within_view_weight:
            within_view = self.group_head.within_view(
                [view.scores for view in student], [view.scores for view in teacher], masked_B2HW, temperature
            )
            losses["loss_within_view"] = self.group_weight * self.within_view_weight * within_view / 2
        self._move_center(teacher)
        if self.group_weight < 1:
            losses["loss_slot"] = (1 - self.group_weight) * self.slot_head(student, teacher) / 2
        self._watch_numbers(teacher, **losses)

        return dict(
            **losses,
            teacher_momentum=self.momentum,
            teacher_temperature=torch.full_like(self.momentum, temperature),
            **health_scalars([view.scores for view in teacher], self.group_head.center),
        )

    def temperature_of_epoch(self) -> float:
        """The teacher's, in the epoch that MMEngine's runner leaves in MessageHub; 0 is the first."""
        epoch = MessageHub.get_current_instance().get_info("epoch") or 0
        return teacher_temperature(epoch, self.temperature_epochs, self.first_temperature, self.neck.temperature)

    def stack_masks(self, data_samples: list[DataSample], device: torch.device) -> Tensor | None:
        """(B, 2, h, w) bool of the batch, on its device; None if the samples have none."""
        if "masks" not in data_samples[0]:
            if self.within_view_weight:
                raise ValueError(
                    "expected masks in the data samples, got none: give PairedViews mask=dict(patch_size=16), or set "
                    "model.within_view_weight=0"
                )
            return None
        if not self.takes_masks:
            raise ValueError(
                f"expected a backbone that takes masks, got {type(self.backbone).__name__}: take "
                "slotcon_mm.MaskedVisionTransformer, or leave PairedViews' mask out and set model.within_view_weight=0"
            )
        masked_B2HW = torch.stack([torch.as_tensor(sample.masks) for sample in data_samples])
        return masked_B2HW.to(device, torch.bool, non_blocking=True)


def masks_of_passes(masked_B2HW: Tensor | None, passes: int) -> list[tuple[Tensor, ...]]:
    """Of each pass through the student: the masks of its images, or nothing."""
    if masked_B2HW is None:
        return [()] * passes
    views = masked_B2HW.unbind(dim=1)
    return [(torch.cat(views),)] if passes == 1 else [(view,) for view in views]
