"""The study's ablation without inverse augmentation."""

from __future__ import annotations

from typing import Any

import torch
from mmcv.transforms import BaseTransform
from mmpretrain.registry import TRANSFORMS

__all__ = ["UnalignedViews"]


@TRANSFORMS.register_module()
class UnalignedViews(BaseTransform):
    """After ``PairedViews``: forgets where the views lie, so that aligning leaves each view's scores as they are."""

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        sample = results["data_samples"]
        whole = torch.tensor([[0, 0, 1, 1]] * 2).to(sample.overlap_boxes)
        sample.set_field(whole, "overlap_boxes")
        sample.set_field(torch.zeros_like(sample.flipped), "flipped")
        return results
