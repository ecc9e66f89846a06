"""Starting from weights: ``--pretrained``."""

from __future__ import annotations

from typing import Any

from mmengine.config import Config
from mmengine.runner.checkpoint import CheckpointLoader

from slotcon_mm.checkpoints.backbone import backbone_of
from slotcon_mm.checkpoints.filling import Filling
from slotcon_mm.checkpoints.latest import resolve_checkpoint
from slotcon_mm.launch.configs import is_pretraining
from slotcon_mm.launch.network_checks import compare_networks, is_readable

__all__ = ["SCRATCH", "describe_start", "use_pretrained"]

SCRATCH = "scratch"


def use_pretrained(
    config: Config, given: str, source: str | None, *, strict: bool = False
) -> tuple[list[str], Filling | None]:
    """Sets where a model's weights come from; step count, optimizer and schedule start afresh.

    A pretraining model: student and teacher start from the file. A downstream model: its backbone does. What the config
    makes of the weights is compared with the network that they were trained in.

    Args:
        config: Changed in place.
        given: A checkpoint, a work dir, an address that MMEngine loads (``torchvision://resnet50``), or ``scratch``.
        source: ``'teacher'`` or ``'student'``; by default the teacher where there is one.
        strict: Whether another network is an error.

    Returns:
        Lines for the log; and what a downstream backbone is to be filled with.
    """
    if is_pretraining(config):
        if source is not None:
            raise ValueError("expected --pretrained-source with a downstream config only: pretraining fills both")
        checkpoint = resolve_checkpoint(given, "--pretrained")
        config.load_from, config.resume = str(checkpoint), False
        note = f"--pretrained: student and teacher start from {checkpoint}, at step 0"
        return [note, *compare_networks(config, f"--pretrained {given}", str(checkpoint), strict=strict)], None
    parts = parts_to_fill(config)
    config.model.pop("pretrained", None)
    if given == SCRATCH:
        if source is not None:
            raise ValueError("expected no --pretrained-source with --pretrained scratch, which loads nothing")
        for part in parts:
            part.init_cfg = None
        return ["--pretrained scratch: the backbone starts from random weights"], None
    file = given if "://" in given else str(resolve_checkpoint(given, "--pretrained"))
    checkpoint = CheckpointLoader.load_checkpoint(file, map_location="cpu", logger="silent")
    backbone = backbone_of(checkpoint, source)
    init = dict(type="Pretrained", checkpoint=file)
    for part in parts:
        # an empty prefix is no prefix: MMEngine would look for names that begin with a dot
        part.init_cfg = dict(init, prefix=backbone.prefix) if backbone.prefix else dict(init)
    notes = compare_networks(config, f"--pretrained {given}", file, checkpoint=checkpoint, strict=strict)
    return notes, Filling(file, backbone)


def parts_to_fill(config: Config) -> list[Any]:
    if not config.model.get("backbone"):
        raise ValueError(f"expected a model with a backbone for --pretrained, got {config.model.type} without one")
    shared_head = (config.model.get("roi_head") or {}).get("shared_head")
    return [config.model.backbone, *([shared_head] if shared_head else [])]


def describe_start(config: Config) -> list[str]:
    """Lines that say where the weights come from without ``--pretrained``."""
    if config.get("load_from"):
        return [
            f"no --pretrained: the model starts from {config.load_from}, the config's load_from",
            *compare_start(config, "load_from", config.load_from),
        ]
    if not config.model.get("backbone"):
        return []
    init = config.model.backbone.get("init_cfg") or {}
    checkpoint = init.get("checkpoint") if isinstance(init, dict) else None
    start = config.model.get("pretrained") or checkpoint
    if start:
        return [
            f"no --pretrained: the backbone starts from {start}, as the config says",
            *compare_start(config, "the config's weights", start),
        ]
    whole = "student and teacher start" if is_pretraining(config) else "the backbone starts"
    return [f"no --pretrained: {whole} from random weights"]


def compare_start(config: Config, name: str, start: str) -> list[str]:
    """Of what a config starts from, where nothing has to be downloaded for it."""
    known = is_readable(start) and config.model.get("backbone")
    return compare_networks(config, f"{name} {start}", start) if known else []
