"""The algorithm: student and teacher, two views, two losses."""

from __future__ import annotations

from typing import Any

import torch
from mmpretrain.structures import DataSample
from torch import Tensor

from slotcon_mm.models.algorithms.anchor import Anchor
from slotcon_mm.models.algorithms.grouping_algorithm import (
    Config,
    GroupingAlgorithm,
    align,
    groupings_of_views,
    stack_geometry,
)
from slotcon_mm.models.algorithms.monitor import health_scalars
from slotcon_mm.models.functional import shares_region
from slotcon_mm.models.layers.batch_norm import convert_batch_norms, count_batches
from slotcon_mm.registry import MODELS

__all__ = ["SlotCon"]


@MODELS.register_module()
class SlotCon(GroupingAlgorithm):
    """Self-supervised learning by joint semantic grouping and slot contrast (Wen et al., NeurIPS 2022).

    Args:
        anchor: Arguments of ``Anchor``, for training on from other weights; None: the backbone may go anywhere.
        kwargs: As in ``GroupingAlgorithm``.
    """

    def __init__(self, *args: Any, anchor: Config | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.anchor = None if anchor is None else Anchor(self.backbone, **anchor)
        if self.anchor is not None:
            self.batch_norms = convert_batch_norms(self)
            self.register_load_state_dict_post_hook(anchor_at_student_unless_loaded)

    def init_weights(self) -> None:
        super().init_weights()
        if self.anchor is not None:
            self.anchor.copy_student(self.backbone)

    def loss(self, inputs: list[Tensor], data_samples: list[DataSample]) -> dict[str, Tensor]:
        """A training step's losses, or those of one of its micro-batches, and the step's updates of teacher and center.

        Args:
            inputs: Two normalized views (B, 3, H, W).
            data_samples: B samples with ``overlap_boxes`` (2, 4), xyxy in [0, 1] of each view after its flip, of the
                region both share (zeros if none), and ``flipped`` (2,) bool.

        Returns:
            ``loss_group`` and ``loss_slot``, weights applied, and log-only scalars.
        """
        boxes_B24, flipped_B2 = stack_geometry(inputs, data_samples)

        self._move_teacher()
        passes = self._passes(inputs)
        features = [self.backbone(images) for images in passes]
        student = groupings_of_views([self.neck(maps) for maps in features])
        teacher = groupings_of_views([self.teacher(images) for images in passes])
        anchored = self._anchor_losses(passes, features)
        count_batches(self.batch_norms, len(inputs))

        loss_group = self.group_head(
            align(student, boxes_B24, flipped_B2), align(teacher, boxes_B24, flipped_B2), shares_region(boxes_B24)
        )
        self._move_center(teacher)
        loss_slot = self.slot_head(student, teacher)
        self._watch_numbers(teacher, loss_group=loss_group, loss_slot=loss_slot, **anchored)

        return dict(
            loss_group=self.group_weight * loss_group,
            loss_slot=(1 - self.group_weight) * loss_slot,
            **anchored,
            teacher_momentum=self.momentum,
            **health_scalars([view.scores for view in teacher], self.group_head.center),
        )

    def _anchor_losses(self, passes: list[Tensor], features: list[Any]) -> dict[str, Tensor]:
        """``loss_anchor``, a mean over both views; nothing without an anchor."""
        if self.anchor is None:
            return {}
        chosen = [maps if isinstance(maps, Tensor) else maps[self.neck.in_index] for maps in features]
        distances = [self.anchor(images, map_, self.neck.in_index) for images, map_ in zip(passes, chosen, strict=True)]
        return dict(loss_anchor=torch.stack(distances).mean())


def anchor_at_student_unless_loaded(model: SlotCon, incompatible: Any) -> None:
    """After loading weights: the anchor lies where the student does if they held none."""
    if model.anchor is not None and any("anchor.backbone." in name for name in incompatible.missing_keys):
        model.anchor.copy_student(model.backbone)
