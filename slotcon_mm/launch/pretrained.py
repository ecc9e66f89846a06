"""Starting from weights: ``--pretrained``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor, nn

from slotcon_mm.checks import listing
from slotcon_mm.checkpoints.latest import resolve_checkpoint
from slotcon_mm.checkpoints.backbone import Backbone, backbone_of

__all__ = [
    "Filling",
    "backbone_tensors",
    "check_fit",
    "describe_start",
    "fitting_names",
    "is_pretraining",
    "use_pretrained",
]

SCRATCH = "scratch"
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
        """Compares values after the model's initialisation; returns the line for the log."""
        found = backbone_tensors(model)
        wanted = self.backbone.tensors
        filled = [name for name, value in found.items() if value.cpu().equal(wanted[name].to(value.dtype))]
        if len(filled) != len(found):
            other = sorted(set(found) - set(filled))
            raise RuntimeError(f"expected the backbone as in {self.file}, got other values in {listing(other)}")
        return (
            f"--pretrained: {len(filled)} of {len(found)} backbone tensors filled from {self.file} "
            f"({self.backbone.describe()})"
        )


def use_pretrained(config: Config, given: str, source: str | None) -> tuple[str | None, Filling | None]:
    """Sets where a model's weights come from; step count, optimizer and schedule start afresh.

    A pretraining model: student and teacher start from the file. A downstream model: its backbone does.

    Args:
        config: Changed in place.
        given: A checkpoint, a work dir, an address that MMEngine loads (``torchvision://resnet50``), or ``scratch``.
        source: ``'teacher'`` or ``'student'``; by default the teacher where there is one.

    Returns:
        A line for the log, if there is something to say yet; and what a downstream backbone is to be filled with.
    """
    if is_pretraining(config):
        if source is not None:
            raise ValueError("expected --pretrained-source with a downstream config only: pretraining fills both")
        checkpoint = resolve_checkpoint(given, "--pretrained")
        config.load_from, config.resume = str(checkpoint), False
        return f"--pretrained: student and teacher start from {checkpoint}, at step 0", None
    parts = parts_to_fill(config)
    config.model.pop("pretrained", None)
    if given == SCRATCH:
        if source is not None:
            raise ValueError("expected no --pretrained-source with --pretrained scratch, which loads nothing")
        for part in parts:
            part.init_cfg = None
        return "--pretrained scratch: the backbone starts from random weights", None
    file = given if "://" in given else str(resolve_checkpoint(given, "--pretrained"))
    backbone = backbone_of(CheckpointLoader.load_checkpoint(file, map_location="cpu"), source)
    init = dict(type="Pretrained", checkpoint=file)
    for part in parts:
        # an empty prefix is no prefix: MMEngine would look for names that begin with a dot
        part.init_cfg = dict(init, prefix=backbone.prefix) if backbone.prefix else dict(init)
    return None, Filling(file, backbone)


def parts_to_fill(config: Config) -> list[Any]:
    if not config.model.get("backbone"):
        raise ValueError(f"expected a model with a backbone for --pretrained, got {config.model.type} without one")
    shared_head = (config.model.get("roi_head") or {}).get("shared_head")
    return [config.model.backbone, *([shared_head] if shared_head else [])]


def describe_start(config: Config) -> str | None:
    """A line that says where a downstream backbone starts without ``--pretrained``."""
    if is_pretraining(config) or not config.model.get("backbone") or config.get("load_from"):
        return None
    init = config.model.backbone.get("init_cfg") or {}
    checkpoint = init.get("checkpoint") if isinstance(init, dict) else None
    start = config.model.get("pretrained") or checkpoint
    if start:
        return f"no --pretrained: the backbone starts from {start}, as the config says"
    return "no --pretrained CKPT_OR_WORKDIR: the backbone starts from random weights"


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


def is_pretraining(config: Config) -> bool:
    return config.model.type == "slotcon_mm.SlotCon"


def fitting_names(model: Mapping[str, Tensor], loaded: Mapping[str, Tensor]) -> set[str]:
    """Names of tensors that both have, in the same shape."""
    return {name for name, value in loaded.items() if name in model and model[name].shape == value.shape}


def check_fit(model: Mapping[str, Tensor], loaded: Mapping[str, Tensor], *, every: bool) -> None:
    """ValueError if ``loaded`` is of another model: no tensor fits, or, with ``every``, one does not.

    A tensor fits where name and shape are the same.
    """
    fitting = fitting_names(model, loaded)
    shapes = [
        f"{name} {tuple(loaded[name].shape)}, expected {tuple(model[name].shape)}"
        for name in sorted(set(loaded) & set(model) - fitting)
    ]
    missing, unexpected = sorted(set(model) - set(loaded)), sorted(set(loaded) - set(model))
    if shapes or not fitting or (every and (missing or unexpected)):
        raise ValueError(
            "expected a checkpoint of this model, got one of another: "
            f"{len(fitting)} of {len(model)} tensors fit; of another shape: {listing(shapes)}; "
            f"missing: {listing(missing)}; unexpected: {listing(unexpected)}"
        )
