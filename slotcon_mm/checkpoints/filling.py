"""A downstream model's backbone and the checkpoint that fills it: every tensor, and the proof of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn

from slotcon_mm.checkpoints.backbone import Backbone
from slotcon_mm.checkpoints.fit import check_fit
from slotcon_mm.checks import listing

__all__ = ["Filling", "backbone_tensors"]

BACKBONES_SHARE = "layer"  # what a shared head (R50-C4) takes of a backbone: its last stage


class Filling(NamedTuple):
    """What a downstream model's backbone is to be filled with: a checkpoint's."""

    file: str
    backbone: Backbone

    def check(self, model: nn.Module) -> None:
        """ValueError with the list unless every tensor of the model's backbone is there in its shape, and no other."""
        try:
            check_fit(backbone_tensors(model), self.backbone.tensors, every=True)
        except ValueError as error:
            raise ValueError(
                f"--pretrained {self.file} does not fill the backbone: {error}{stem_hint(model)}"
            ) from None

    def verify(self, model: nn.Module) -> str:
        """Compares values after the model's initialization; returns the line for the log."""
        found = backbone_tensors(model)
        wanted = self.backbone.tensors
        filled = [name for name, value in found.items() if value.cpu().equal(wanted[name].to(value.dtype))]
        if len(filled) != len(found):
            other = sorted(set(found) - set(filled))
            raise RuntimeError(
                f"expected the backbone's values to be those of {self.file}, got different ones in {listing(other)}"
            )
        return (
            f"--pretrained: {len(filled)} of {len(found)} backbone tensors filled from {self.file} "
            f"({self.backbone.describe()})"
        )


def backbone_tensors(model: Any) -> dict[str, Tensor]:
    """The state of a detector's or segmentor's backbone, and of the stage that a shared head took over from it."""
    tensors = dict(model.backbone.state_dict())
    shared_head = getattr(getattr(model, "roi_head", None), "shared_head", None)
    if shared_head is not None:
        stage = {name: value for name, value in shared_head.state_dict().items() if name.startswith(BACKBONES_SHARE)}
        tensors.update(stage)
    return tensors


def stem_hint(model: nn.Module) -> str:
    if not hasattr(model.backbone, "stem"):
        return ""
    return (
        f"\nThe model's {type(model.backbone).__name__} has a deep stem of three convolutions, which a ResNet's "
        "weights do not fill: set model.backbone.type=ResNet"
    )
