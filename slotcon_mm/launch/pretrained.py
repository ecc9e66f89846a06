"""Starting from weights: ``--pretrained``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from slotcon_mm.checkpoints.backbone import backbone_of
from slotcon_mm.checkpoints.contents import flat_tensors, side_of
from slotcon_mm.checkpoints.filling import GivenWeights
from slotcon_mm.checkpoints.fit import check_finite
from slotcon_mm.checkpoints.formats import is_plain_resnet
from slotcon_mm.checkpoints.safe_loading import state_dict_of
from slotcon_mm.checkpoints.weight_files import read_weights
from slotcon_mm.launch.configs import is_pretraining
from slotcon_mm.launch.network_checks import compare_networks, is_readable

__all__ = ["SCRATCH", "describe_start", "use_pretrained"]

SCRATCH = "scratch"


def use_pretrained(
    config: Config, given: str, source: str | None, *, strict: bool = False
) -> tuple[list[str], GivenWeights | None]:
    """Sets where a model's weights come from; step count, optimizer and schedule start afresh.

    A pretraining model that is given a pretraining's checkpoint starts from all of it, student and teacher. Otherwise
    the weights are a backbone's: a downstream model's backbone is filled, or those of student and teacher. What the
    config makes of the weights is compared with the network that they were trained in.

    Args:
        config: Changed in place.
        given: What ``read_weights`` takes, of any library that ``checkpoints/names`` knows, or ``scratch``.
        source: ``'teacher'`` or ``'student'``; by default the teacher where there is one.
        strict: Whether another network is an error.

    Returns:
        Lines for the log; and what the backbones are to be filled with.
    """
    if given == SCRATCH:
        return start_from_scratch(config, source), None
    file, checkpoint = read_weights(given, "--pretrained")
    start = f"--pretrained {given}"
    if is_pretraining(config) and "neck.prototypes" in state_dict_of(checkpoint):
        if source is not None:
            raise ValueError(
                "expected no --pretrained-source where a pretraining starts from another's checkpoint, which fills "
                f"both: for the backbone alone run tools/convert_checkpoint.py backbone {given} FILE --source {source}"
            )
        check_finite(state_dict_of(checkpoint), file)
        config.load_from, config.resume = file, False
        note = f"--pretrained: student and teacher start from {file}, at step 0"
        return [note, *compare_networks(config, start, file, checkpoint=checkpoint, strict=strict)], None
    init = init_cfg_for(file, checkpoint, source)
    config.model.pop("pretrained", None)
    for part in parts_to_fill(config):
        part.pop("init_cfg", None)
        if init and not is_pretraining(config):
            part.init_cfg = dict(init)
    notes = compare_networks(config, start, file, checkpoint=checkpoint, strict=strict)
    return notes, GivenWeights(file, checkpoint, source)


def start_from_scratch(config: Config, source: str | None) -> list[str]:
    if source is not None:
        raise ValueError("expected no --pretrained-source with --pretrained scratch, which loads nothing")
    config.model.pop("pretrained", None)
    for part in parts_to_fill(config):
        part.init_cfg = None
    return ["--pretrained scratch: the backbone starts from random weights"]


def init_cfg_for(file: str, checkpoint: Mapping[str, Any], source: str | None) -> dict[str, Any] | None:
    """What makes MMEngine itself load the file, so that the config that is written beside the run does; None for names
    that it cannot translate, and where it would take the student beside a teacher of another name.
    """
    try:
        backbone = backbone_of(checkpoint, source)
    except ValueError:
        return None
    if source is None and backbone.source != "teacher" and "teacher" in map(side_of, flat_tensors(checkpoint)):
        return None
    if not (backbone.prefix or backbone.step is not None or is_plain_resnet(backbone.tensors)):
        return None
    # an empty prefix is no prefix: MMEngine would look for names that begin with a dot
    return dict(type="Pretrained", checkpoint=file, **(dict(prefix=backbone.prefix) if backbone.prefix else {}))


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
