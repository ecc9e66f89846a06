"""Linear probe: what frozen features tell, with labels."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from slotcon_mm.models.functional import upsampled_argmax
from slotcon_mm.registry import MODELS

__all__ = ["LinearProbe"]


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

    def forward(self, inputs: Tensor, data_samples: list[DataSample] | None = None, mode: str = "tensor") -> Any:
        """``mode='loss'``: cross entropy with each sample's ``gt_sem_seg``; ``'predict'``: ``group_map``, the class of
        every pixel; ``'tensor'``: logits (B, C, H, W) at the feature map's size."""
        with torch.no_grad():
            features = self.backbone(inputs)[self.in_index]
        logits = self.classifier(features)
        if mode == "tensor":
            return logits
        if mode == "loss":
            labels = torch.stack([torch.as_tensor(s.gt_sem_seg) for s in data_samples or []]).to(logits.device).long()
            full = F.interpolate(logits, size=labels.shape[-2:], mode="bilinear", align_corners=False)
            return dict(loss=F.cross_entropy(full, labels, ignore_index=255))
        maps = upsampled_argmax(logits, inputs.shape[-2:])
        samples = [DataSample() for _ in maps] if data_samples is None else data_samples
        for sample, group_map in zip(samples, maps, strict=True):
            sample.set_field(group_map, "group_map")
            sample.set_field(self.classifier.weight.detach().flatten(1), "prototypes")
        return samples
