"""The grouping neck: projector and prototypes, from a feature map to scores and slots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from slotcon_mm.checks import expect_positive
from slotcon_mm.models.functional import assign_pixels, full_precision, pool_slots, score_pixels
from slotcon_mm.models.layers.mlp import Projector, init_mlp
from slotcon_mm.registry import MODELS

__all__ = ["Grouping", "GroupingNeck"]


class Grouping(NamedTuple):
    """What the neck makes of a view: ``scores`` (B, K, H, W), cosines, and ``slots`` (B, K, D), not normalized."""

    scores: Tensor
    slots: Tensor


@MODELS.register_module()
class GroupingNeck(BaseModule):
    """Semantic grouping (paper section 3.1): pixels are assigned to prototypes and pooled into slots.

    Args:
        in_channels: Channels of the backbone's feature map.
        hidden_channels: Width of the projector.
        out_channels: Channels D of a pixel, a prototype and a slot.
        num_prototypes: K, shared by all images: 256 on COCO, 2048 on ImageNet in the paper.
        temperature: Of the assignment, for student and teacher alike.
        in_index: Which of the backbone's feature maps is grouped; the last by default.
        norm: Whether the projector has BN; in SlotMIM's paper it has none.
        epsilon: Added to each pixel's share of a prototype, so that no slot's mass is zero; at least 1e-6 where the
            projector computes in half precision.
    """

    def __init__(
        self,
        in_channels: int = 2048,
        hidden_channels: int = 4096,
        out_channels: int = 256,
        num_prototypes: int = 256,
        temperature: float = 0.07,
        in_index: int = -1,
        norm: bool = True,
        epsilon: float = 1e-6,
    ) -> None:
        super().__init__()
        expect_positive(
            in_channels=in_channels,
            hidden_channels=hidden_channels,
            out_channels=out_channels,
            temperature=temperature,
            epsilon=epsilon,
        )
        if not isinstance(num_prototypes, int):
            raise ValueError(
                f"expected a number for num_prototypes, got {num_prototypes!r}: 'auto' is for the start of a training "
                "by tools/train.py, which counts the images; elsewhere set model.neck.num_prototypes"
            )
        if num_prototypes < 2:
            raise ValueError(
                f"expected num_prototypes of 2 or more, got {num_prototypes}: one prototype groups nothing"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.num_prototypes = num_prototypes
        self.temperature = temperature
        self.in_index = in_index
        self.epsilon = epsilon
        self.projector = Projector(in_channels, hidden_channels, out_channels, norm=norm)
        self.prototypes = nn.Parameter(torch.randn(num_prototypes, out_channels))

    def init_weights(self) -> None:
        init_mlp(self.projector)
        nn.init.normal_(self.prototypes)

    def forward(self, features: Tensor | Sequence[Tensor], temperature: float | None = None) -> Grouping:
        """Groups one of a backbone's feature maps, (B, in_channels, H, W), at the neck's temperature or another."""
        projected = self.project(features)
        epsilon = max(self.epsilon, 1e-6) if projected.dtype == torch.float16 else self.epsilon
        # cosines divided by 0.07 magnify half precision's rounding fourteenfold: from here on in fp32
        with torch.autocast(projected.device.type, enabled=False):
            pixels = full_precision(projected)
            scores = score_pixels(pixels, self.prototypes)
            assignment = assign_pixels(scores, temperature or self.temperature, epsilon)
            return Grouping(scores, pool_slots(pixels, assignment))

    def project(self, features: Tensor | Sequence[Tensor]) -> Tensor:
        """Pixel features (B, D, H, W), not normalized, of one of a backbone's feature maps."""
        chosen = features if isinstance(features, Tensor) else features[self.in_index]
        self._check(chosen)
        return self.projector(chosen)

    def _check(self, features: Tensor) -> None:
        if features.dim() != 4:
            raise ValueError(
                f"expected a feature map (B, C, H, W) from the backbone, got shape {tuple(features.shape)}; "
                "a vision transformer yields one with out_type='featmap'"
            )
        if features.shape[1] != self.in_channels:
            raise ValueError(
                f"expected {self.in_channels} channels (neck.in_channels) from the backbone's feature map, "
                f"got {features.shape[1]}"
            )
