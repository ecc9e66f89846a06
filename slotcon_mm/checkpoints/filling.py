"""A model's backbones and the file that fills them: every tensor, and the proof of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from slotcon_mm.checkpoints.backbone import Backbone
from slotcon_mm.checkpoints.fit import check_finite
from slotcon_mm.checkpoints.foreign import ADDED, backbone_for
from slotcon_mm.checks import listing
from slotcon_mm.models.backbones.windowed_vision_transformer import WindowedVisionTransformer

__all__ = ["Filling", "GivenWeights", "backbone_tensors", "grid_of"]

BACKBONES_SHARE = "layer"  # what a shared head (R50-C4) takes of a backbone: its last stage
CONSTANT = ".relative_position_index"  # of Swin, which each network makes itself
# what the lists of an error tell, and what of the backbone's config to set
FIXES = (
    (r"missing: .*\bstem\.\d", "weights of a ResNet without a deep stem need", "type=ResNet"),
    (
        r"unexpected: .*\bregister_tokens",
        "weights with register tokens need num_registers=4 of slotcon_mm.MaskedVisionTransformer (SlotMIM), else",
        "type=slotcon_mm.RegisterVisionTransformer",
    ),
    (r"unexpected: .*\bgamma1\.weight", "weights with layer scales need", "layer_scale_init_value=1e-5"),
    (r"missing: .*\bgamma1\.weight", "weights without layer scales need", "layer_scale_init_value=0."),
    (r"unexpected: .*\bgrn\.", "weights of ConvNeXt V2 need layer_scale_init_value=0. and", "use_grn=True"),
    (r"unexpected: .*\bffn\.w12\.", "weights with gated blocks need", "layer_cfgs.ffn_type=swiglu_fused"),
    (r"unexpected: .*\battn\.qkv\.bias", "weights with biases of queries and values need", "name=..._qkvb"),
    (r"shape: .*patch_embed\.proj\w*\.weight", "weights of other patches or another width need", "patch_size and arch"),
)


class GivenWeights(NamedTuple):
    """A file that is to fill a model's backbones: as loaded, and whose weights of it are asked for."""

    file: str
    checkpoint: Mapping[str, Any]
    source: str | None = None

    def fit(self, model: nn.Module) -> Filling:
        """What fills this model.

        Raises:
            ValueError: With the list, unless every tensor of the model's backbone is in the file in its shape and
                finite, and nothing but heads is left over.
        """
        network = backbone_tensors(model)
        try:
            backbone = backbone_for(network, self.checkpoint, self.source, grid_of(model.backbone))
        except ValueError as error:
            raise ValueError(
                f"--pretrained {self.file} does not fill the backbone: {error}{fixes(str(error), model.backbone)}"
            ) from None
        check_finite(backbone.tensors, self.file)
        return Filling(self.file, backbone)


class Filling(NamedTuple):
    """What a model's backbones are filled with: a file's weights, by the names of the backbone."""

    file: str
    backbone: Backbone

    def describe(self) -> list[str]:
        """Lines for the log, of what was changed on the way, and left over."""
        return [f"--pretrained {self.file}: {note}" for note in self.backbone.notes]

    @torch.no_grad()
    def fill(self, model: nn.Module) -> None:
        """The student's backbone, and those of a teacher and an anchor where there are some."""
        for part in parts_of(model).values():
            for name, value in backbone_tensors(part).items():
                if name in self.backbone.tensors:
                    value.copy_(self.backbone.tensors[name])

    def verify(self, model: nn.Module) -> str:
        """Compares values after the model's initialization; returns the line for the log."""
        counts = []
        for title, part in parts_of(model).items():
            found, wanted = backbone_tensors(part), self.backbone.tensors
            found = {name: value for name, value in found.items() if name in wanted or not stays(name)}
            filled = [
                name for name, value in found.items()
                if name in wanted and value.cpu().equal(wanted[name].to(value.dtype))
            ]  # fmt: skip
            other = sorted(set(found) & set(wanted) - set(filled))
            if other:
                raise RuntimeError(
                    f"expected the backbone's values to be those of {self.file}, got different ones in {listing(other)}"
                )
            counts.append(f"{len(filled)} of {len(found)} {title}backbone tensors")
        rest = "; all other parts start from random weights" if len(counts) > 1 else ""
        return f"--pretrained: {' and '.join(counts)} filled from {self.file} ({self.backbone.describe()}){rest}"


def stays(name: str) -> bool:
    """Whether a backbone keeps a tensor of its own where the file has none; a note for the log names it."""
    return name.endswith(CONSTANT) or ADDED.fullmatch(name) is not None


def parts_of(model: Any) -> dict[str, Any]:
    """The model, and a teacher and an anchor in it, by what is said of their backbones."""
    others = {f"{name}'s ": getattr(model, name, None) for name in ("teacher", "anchor")}
    others = {title: part for title, part in others.items() if hasattr(part, "backbone")}
    return {"student's " if others else "": model, **others}


def backbone_tensors(model: Any) -> dict[str, Tensor]:
    """The state of a model's backbone, and of the stage that a shared head took over from it."""
    tensors = dict(model.backbone.state_dict())
    shared_head = getattr(getattr(model, "roi_head", None), "shared_head", None)
    if shared_head is not None:
        stage = {name: value for name, value in shared_head.state_dict().items() if name.startswith(BACKBONES_SHARE)}
        tensors.update(stage)
    return tensors


def grid_of(backbone: Any) -> tuple[int, int] | None:
    """H, W of a vision transformer's position embeddings, where it says so (mmpretrain's and timm's do)."""
    embed = getattr(getattr(backbone, "network", backbone), "patch_embed", None)
    for owner, name in ((backbone, "patch_resolution"), (embed, "init_out_size"), (embed, "grid_size")):
        grid = getattr(owner, name, None)
        if isinstance(grid, tuple | list) and len(grid) == 2:
            return int(grid[0]), int(grid[1])
    return None


def fixes(error: str, backbone: Any) -> str:
    if isinstance(backbone, WindowedVisionTransformer) and "register_tokens" in error:
        return "\nslotcon_mm.WindowedVisionTransformer (ViTDet) has no registers: take weights without"
    found = next((fix for fix in FIXES if re.search(fix[0], error)), None)
    return f"\n{found[1][0].upper()}{found[1][1:]} model.backbone.{found[2]}" if found else ""
