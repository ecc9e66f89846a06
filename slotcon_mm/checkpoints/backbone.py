"""The backbone that a checkpoint holds: whose it is, and after how many steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from slotcon_mm.checkpoints.contents import side_name
from slotcon_mm.checkpoints.safe_loading import meta_of, state_dict_of
from slotcon_mm.checks import printable

__all__ = ["SOURCES", "Backbone", "backbone_of", "count_of", "has_norm", "is_slotmim", "noted_source"]

SOURCES = {"teacher": "teacher.backbone.", "student": "backbone."}
CLASSIFIER = "fc."


class Backbone(NamedTuple):
    """A backbone's weights, by the names of its ``state_dict()``.

    ``source`` is teacher, student, or what else the file is; ``prefix`` stands before the names in the file;
    ``library`` is whose names they are there, where they are not the backbone's own; ``notes`` are lines for the log,
    on what was changed or left over.
    """

    tensors: dict[str, Tensor]
    source: str
    step: int | None
    prefix: str
    library: str = ""
    notes: tuple[str, ...] = ()

    def describe(self) -> str:
        said = side_name(self.prefix)
        whose = self.source if said in (None, self.source) else f"{self.source}: {said}"
        names = f", by the names of {self.library}" if self.library else ""
        return whose + ("" if self.step is None else f", step {self.step}") + names


def noted_source(meta: Mapping[str, Any]) -> str | None:
    """Whose all weights of a file are, if it says so."""
    said = meta.get("source")
    return printable(said) if isinstance(said, str) else None


def has_norm(weights: Mapping[str, Any]) -> bool:
    """Whether the projector of a pretraining's weights has BN."""
    return "neck.projector.1.weight" in weights


def is_slotmim(weights: Mapping[str, Any]) -> bool:
    """Whether a pretraining's weights are SlotMIM's: its ViT takes masks, and its heads are not SlotCon's.

    (Those of a SlotCon on the same ViT have BN and a predictor of three linear layers.)
    """
    layers = [name for name, value in weights.items() if name.startswith("slot_head.predictor.") and value.dim() == 2]
    return "backbone.mask_token" in weights and (not has_norm(weights) or len(layers) < 3)


def count_of(steps: Any) -> int | None:
    """Steps that a file notes as a number or as a tensor of one; None where it notes neither."""
    number = steps.item() if isinstance(steps, Tensor) and steps.numel() == 1 else steps
    if isinstance(number, float) and number.is_integer():  # torch's optimizers count in floats
        return int(number)
    return number if isinstance(number, int) else None


def backbone_of(checkpoint: Mapping[str, Any], source: str | None = None) -> Backbone:
    """The backbone in a pretraining checkpoint, in an export of one, or in plain weights of a ResNet.

    Args:
        checkpoint: As loaded.
        source: ``'teacher'`` or ``'student'``; by default the teacher where there is one.

    Raises:
        ValueError: It holds none, or not the one asked for.
    """
    weights = state_dict_of(checkpoint)
    if not any(isinstance(value, Tensor) for value in weights.values()):
        raise ValueError(
            f"expected weights or a dict with 'state_dict', got a dict of {', '.join(map(repr, list(weights)[:6]))}; "
            "for the authors' files run tools/convert_checkpoint.py from-official first"
        )
    meta = meta_of(checkpoint)
    held = {name: prefix for name, prefix in SOURCES.items() if any(key.startswith(prefix) for key in weights)}
    if not held:
        return plain_backbone(weights, meta, source)
    if source is not None and source not in held:
        raise ValueError(f"expected a checkpoint that holds a {source}, got one of {', '.join(held)} only")
    chosen = source or next(iter(held))
    prefix = held[chosen]
    tensors = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    steps = weights.get("teacher.steps", meta.get("iter"))
    return Backbone(tensors, chosen if "teacher" in held else "backbone", count_of(steps), prefix)


def plain_backbone(weights: Mapping[str, Tensor], meta: Mapping[str, Any], source: str | None) -> Backbone:
    """Names without a prefix: an export, which says whose weights it holds, or another library's ResNet."""
    said = noted_source(meta)
    if source is not None and source != said:
        raise ValueError(f"expected the {source}'s weights, got a file of {said or 'a backbone'} only")
    tensors = {name: value for name, value in weights.items() if not name.startswith(CLASSIFIER)}
    for name in [name for name in tensors if name.endswith("running_mean")]:
        # files older than torch 0.4.1 lack the counter; torch itself fills it so
        tensors.setdefault(name.replace("running_mean", "num_batches_tracked"), torch.zeros((), dtype=torch.long))
    return Backbone(tensors, said or "backbone", count_of(meta.get("step")), "")
