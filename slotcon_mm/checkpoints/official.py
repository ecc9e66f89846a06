"""The authors' checkpoints (https://github.com/CVMI-Lab/SlotCon) and this package's: tensors by other names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from slotcon_mm.checkpoints.backbone import count_of
from slotcon_mm.checkpoints.formats import export_backbone, is_plain_resnet
from slotcon_mm.checkpoints.network_facts import NETWORK, facts_in
from slotcon_mm.checkpoints.safe_loading import load_weights, meta_of, state_dict_of
from slotcon_mm.checkpoints.standard_resnet import standard_facts
from slotcon_mm.checks import listing

__all__ = ["from_official", "load_official", "to_official"]

# beginnings of names: here, there
RULES = (
    ("backbone.", "encoder_q."),
    ("neck.projector.", "projector_q.mlp."),
    ("neck.prototypes", "grouping_q.slot_embed.weight"),
    ("teacher.backbone.", "encoder_k."),
    ("teacher.neck.projector.", "projector_k.mlp."),
    ("teacher.neck.prototypes", "grouping_k.slot_embed.weight"),
    ("slot_head.predictor.", "predictor_slot.mlp."),
    ("group_head.center", "center"),
)
WRAPPER = "module."  # of DistributedDataParallel, in which the authors save
STEPS = "teacher.steps"  # has no counterpart there
BACKBONE_WRAPPERS = ("module.", "encoder_k.", "backbone.")


def load_official(path: str | Path) -> dict[str, Any]:
    """One of the authors' files, without its ``args``, an ``argparse.Namespace``.

    Raises:
        FileNotFoundError, ValueError: As the safe loader.
        ImportError: torch is older than 2.5 and cannot be told what to allow.
    """
    if not hasattr(torch.serialization, "safe_globals"):
        raise ImportError(f"expected torch 2.5 or newer to read the authors' files safely, got {torch.__version__}")
    return load_weights(str(path))


def from_official(official: Mapping[str, Any]) -> dict[str, Any]:
    """A pretraining checkpoint of this package; or an export, where the file holds a backbone only.

    ``meta`` says which network the weights are of: the authors train torchvision's ResNets. Optimizer, scheduler and
    scaler are left out: they belong to the other code's order of parameters.

    Raises:
        ValueError: A name on either side has no counterpart.
    """
    weights = state_dict_of(dict(state_dict=official["model"]) if "model" in official else official)
    backbone = {strip(name, BACKBONE_WRAPPERS): value for name, value in weights.items()}
    if is_plain_resnet(backbone):
        network = facts_in(official) or facts_by_shapes(backbone, "")
        return export_backbone(backbone, source="teacher", step=None, file_format="mm", network=network)
    state = rename({strip(name, (WRAPPER,)): value for name, value in weights.items()}, [(b, a) for a, b in RULES])
    scheduler = official.get("scheduler")
    last = scheduler.get("last_epoch") if isinstance(scheduler, Mapping) else None
    step = count_of(official.get("step", last)) or 0
    state[STEPS] = torch.tensor(step, dtype=torch.long)
    network = facts_in(official) or facts_by_shapes(state, "backbone.")
    noted = {} if network is None else {NETWORK: network}
    meta = dict(epoch=count_of(official.get("epoch")) or 0, iter=step, converted_from="official", **noted)
    return dict(state_dict=state, meta=meta)


def facts_by_shapes(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Any] | None:
    """None of what is no ResNet of the authors' kind."""
    try:
        return standard_facts(weights, prefix)
    except ValueError:
        return None


def to_official(checkpoint: Mapping[str, Any], network: dict[str, Any] | None = None) -> dict[str, Any]:
    """``model``, ``epoch`` and ``step``, as the authors' evaluation and transfer scripts read them; and ``meta``.

    Args:
        checkpoint: Of a pretraining.
        network: Facts of its network, if they are known.

    Raises:
        ValueError: A name on either side has no counterpart.
    """
    weights = dict(state_dict_of(checkpoint))
    step = count_of(weights.pop(STEPS, 0)) or 0
    model = {WRAPPER + name: value for name, value in rename(weights, RULES).items()}
    noted = {} if network is None else {NETWORK: network}
    return dict(model=model, epoch=count_of(meta_of(checkpoint).get("epoch")) or 0, step=step, meta=noted)


def rename(weights: Mapping[str, Tensor], rules: Any) -> dict[str, Tensor]:
    """Every name by the one rule that its beginning meets; every rule must be met."""
    renamed, unmatched, met = {}, [], set()
    for name, value in weights.items():
        rule = next(((old, new) for old, new in rules if name.startswith(old)), None)
        if rule is None:
            unmatched.append(name)
            continue
        met.add(rule)
        renamed[rule[1] + name.removeprefix(rule[0])] = value
    missing = [old for old, new in rules if (old, new) not in met]
    if unmatched or missing:
        raise ValueError(
            "expected the weights of a SlotCon, student and teacher, or of a ResNet backbone; without a counterpart: "
            f"{listing(unmatched)}; missing: {listing(missing)}"
        )
    return renamed


def strip(name: str, prefixes: tuple[str, ...]) -> str:
    for prefix in prefixes:
        name = name.removeprefix(prefix)
    return name
