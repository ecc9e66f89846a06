"""Linear probe: what frozen features tell, with labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from slotcon_mm.models.functional import upsampled_argmax
from slotcon_mm.models.one_size import batches_of_one_size
from slotcon_mm.models.patches import at_whole_patches
from slotcon_mm.registry import MODELS

__all__ = ["LinearProbe"]

IGNORED = 255  # the label of pixels that do not count


@MODELS.register_module()
class LinearProbe(BaseModel):
    """A 1x1 convolution on a frozen backbone's feature map, trained with cross entropy at the label's size.

    The backbone is in evaluation mode throughout; ``--pretrained`` of train.py fills it.

    Args:
        backbone: Any mmpretrain backbone with a feature map.
        in_channels: Of that map.
        num_classes: C.
        data_preprocessor: A ``ViewPreprocessor`` by default.
        init_cfg: As in every MMEngine module.
        in_index: Which of the backbone's feature maps; the last by default.
    """

    def __init__(
        self,
        backbone: dict[str, Any],
        in_channels: int,
        num_classes: int,
        data_preprocessor: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | None = None,
        in_index: int = -1,
    ) -> None:
        super().__init__({"type": "slotcon_mm.ViewPreprocessor", **(data_preprocessor or {})}, init_cfg)
        self.backbone = MODELS.build(backbone).requires_grad_(False)
        self.in_channels, self.in_index = in_channels, in_index
        self.classifier = nn.Conv2d(in_channels, num_classes, 1)

    def train(self, mode: bool = True) -> LinearProbe:
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(
        self, inputs: Tensor | Sequence[Tensor], data_samples: list[DataSample] | None = None, mode: str = "tensor"
    ) -> Any:
        """Of images (B, 3, H, W), or B images (3, H, W) of different sizes.

        ``mode='loss'``: cross entropy with each sample's ``gt_sem_seg``, a mean over all labeled pixels of the batch;
        ``'predict'``: ``group_map``, the class of every pixel; ``'tensor'``: logits (B, C, H, W) at the feature map's
        size, of images of one size."""
        if mode == "tensor":
            return torch.cat([self._logits(images) for _, images in batches_of_one_size(inputs)])
        if mode == "loss":
            return dict(loss=self._loss(inputs, data_samples or []))
        samples = [DataSample() for _ in inputs] if data_samples is None else data_samples
        for places, images in batches_of_one_size(inputs):
            for place, group_map in zip(places, upsampled_argmax(self._logits(images), images.shape[-2:]), strict=True):
                samples[place].set_field(group_map, "group_map")
                samples[place].set_field(self.classifier.weight.detach().flatten(1), "prototypes")
        return samples

    def _logits(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            features = self.backbone(at_whole_patches(images, self.backbone))[self.in_index]
        return self.classifier(features)

    def _loss(self, inputs: Tensor | Sequence[Tensor], data_samples: list[DataSample]) -> Tensor:
        """Means over the images of each size, weighted by the labeled pixels that they are of."""
        labels = [torch.as_tensor(sample.gt_sem_seg) for sample in data_samples]
        counts = [int((label != IGNORED).sum()) for label in labels]
        total = max(1, sum(counts))
        parts = []
        for places, images in batches_of_one_size(inputs):
            logits = self._logits(images)
            target = torch.stack([labels[place] for place in places]).to(logits.device).long()
            full = F.interpolate(logits, size=target.shape[-2:], mode="bilinear", align_corners=False)
            share = sum(counts[place] for place in places) / total
            # a mean over no pixel is not a number; a sum of none is 0
            kind = "mean" if share else "sum"
            parts.append(F.cross_entropy(full, target, ignore_index=IGNORED, reduction=kind) * (share or 1))
        return torch.stack(parts).sum()
