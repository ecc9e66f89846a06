"""The authors' checkpoints (https://github.com/CVMI-Lab/SlotCon and SlotMIM) and this package's: other names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from slotcon_mm.checkpoints.backbone import count_of, has_norm, is_slotmim
from slotcon_mm.checkpoints.build import config_of_weights
from slotcon_mm.checkpoints.formats import export_backbone, is_plain_resnet
from slotcon_mm.checkpoints.names.translation import by_our_names, by_their_names
from slotcon_mm.checkpoints.names.vision_transformers import VISION_TRANSFORMERS
from slotcon_mm.checkpoints.network_facts import NETWORK, facts_in, facts_of_config
from slotcon_mm.checkpoints.safe_loading import load_weights, meta_of, state_dict_of
from slotcon_mm.checkpoints.standard_resnet import standard_facts
from slotcon_mm.checks import listing

__all__ = ["from_official", "load_official", "to_official"]

Rules = tuple[tuple[str, str], ...]


def rules_with(prototypes: str) -> Rules:
    """Beginnings of names: here, there."""
    return (
        ("backbone.", "encoder_q."),
        ("neck.projector.", "projector_q.mlp."),
        ("neck.prototypes", f"grouping_q.{prototypes}.weight"),
        ("teacher.backbone.", "encoder_k."),
        ("teacher.neck.projector.", "projector_k.mlp."),
        ("teacher.neck.prototypes", f"grouping_k.{prototypes}.weight"),
        ("slot_head.predictor.", "predictor_slot.mlp."),
        ("group_head.center", "center"),
    )


RULES = rules_with("slot_embed")
SLOTMIM_RULES = rules_with("prototypes_patch")
ENCODERS = "encoder_q.", "encoder_k."
WRAPPER = "module."  # of DistributedDataParallel, in which the authors save
COMPILED = "_orig_mod."  # of torch.compile, around a part or the whole
STEPS = "teacher.steps"  # has no counterpart there
BACKBONE_WRAPPERS = ("module.", "encoder_k.", "backbone.")


def load_official(path: str | Path) -> dict[str, Any]:
    """One of the authors' files, without its ``args``, an ``argparse.Namespace``.

    Raises:
        FileNotFoundError, ValueError: As the safe loader.
    """
    return load_weights(str(path))


def from_official(official: Mapping[str, Any]) -> dict[str, Any]:
    """A pretraining checkpoint of this package; or an export, where the file holds a backbone only.

    ``meta`` says which network the weights are of: the authors train torchvision's ResNets and timm's ViTs. Optimizer,
    scheduler and scaler are left out: they belong to the other code's order of parameters.

    Raises:
        ValueError: A name on either side has no counterpart.
    """
    weights = state_dict_of(dict(state_dict=official["model"]) if "model" in official else official)
    weights = {name.replace(COMPILED, ""): value for name, value in weights.items()}
    backbone = {strip(name, BACKBONE_WRAPPERS): value for name, value in weights.items()}
    if is_plain_resnet(backbone):
        network = facts_in(official) or facts_by_shapes(backbone, "")
        return export_backbone(backbone, source="teacher", step=None, file_format="mm", network=network)
    there = {strip(name, (WRAPPER,)): value for name, value in weights.items()}
    from_slotmim = SLOTMIM_RULES[2][1] in there
    if from_slotmim:
        there = as_maps(by_names_of(there, to_ours=True))
    state = rename(there, tuple((new, old) for old, new in (SLOTMIM_RULES if from_slotmim else RULES)))
    step = steps_of(official)
    state[STEPS] = torch.tensor(step, dtype=torch.long)
    network = facts_in(official) or facts_by_shapes(state, "backbone.")
    noted = {} if network is None else {NETWORK: network}
    meta = dict(epoch=count_of(official.get("epoch")) or 0, iter=step, converted_from="official", **noted)
    return dict(state_dict=state, meta=meta)


def steps_of(official: Mapping[str, Any]) -> int:
    """Of SlotCon's scheduler; of SlotMIM's optimizer, which counts those that moved a weight; 0 of a file without."""
    scheduler, optimizer = official.get("scheduler"), official.get("optimizer")
    last = scheduler.get("last_epoch") if isinstance(scheduler, Mapping) else None
    if last is None and isinstance(optimizer, Mapping) and isinstance(optimizer.get("state"), Mapping):
        moments = [one for one in optimizer["state"].values() if isinstance(one, Mapping)]
        last = max((count_of(one.get("step")) or 0 for one in moments), default=None)
    return count_of(official.get("step", last)) or 0


def by_names_of(weights: Mapping[str, Tensor], *, to_ours: bool) -> dict[str, Tensor]:
    """Both encoders' tensors from timm's names of a ViT to mmpretrain's, or back; the others as they are.

    Raises:
        ValueError: A name of an encoder has no counterpart.
    """
    theirs = next(one for one in VISION_TRANSFORMERS.namings if "SlotMIM" in one.library)
    renamed = {name: value for name, value in weights.items() if not name.startswith(ENCODERS)}
    for encoder in ENCODERS:
        part = {name.removeprefix(encoder): value for name, value in weights.items() if name.startswith(encoder)}
        found, left = (by_our_names if to_ours else by_their_names)(theirs, part)
        if left:
            raise ValueError(
                f"expected the tensors of a ViT in {encoder[:-1]}, got without a counterpart: {listing(left)}"
            )
        renamed.update({encoder + name: value for name, value in found.items()})
    return renamed


def as_maps(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The projectors' linear layers as 1 x 1 convolutions."""
    return {
        name: value[:, :, None, None] if name.startswith("projector_") and value.dim() == 2 else value
        for name, value in weights.items()
    }


def as_rows(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Back."""
    return {
        name: value.flatten(1) if name.startswith("projector_") and value.dim() == 4 else value
        for name, value in weights.items()
    }


def facts_by_shapes(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Any] | None:
    """Of the authors' ResNets, and of timm's ViTs, in which their SlotMIM is trained; None of another network."""
    try:
        if is_slotmim(weights):
            return facts_of_config(dict(model=config_of_weights(weights), default_scope="mmpretrain"))
        return standard_facts(weights, prefix)
    except ValueError:
        return None


def to_official(checkpoint: Mapping[str, Any], network: dict[str, Any] | None = None) -> dict[str, Any]:
    """``model``, ``epoch`` and ``step``, as the authors' evaluation and transfer scripts read them; and ``meta``.

    Their names go further than their networks: ``beyond_official`` says what of the model they pass over.

    Args:
        checkpoint: Of a pretraining.
        network: Facts of its network, if they are known.

    Raises:
        ValueError: A name has no counterpart there, or the model is neither a SlotCon nor a SlotMIM of theirs.
    """
    weights = dict(state_dict_of(checkpoint))
    step = count_of(weights.pop(STEPS, 0)) or 0
    noted = {} if network is None else {NETWORK: network}
    if is_slotmim(weights):
        if has_norm(weights):
            raise ValueError(
                "expected a SlotMIM without BN, got one with BN in its projector (model.neck.norm=True): the authors' "
                "code has no place for it"
            )
        model = as_rows(by_names_of(rename(weights, SLOTMIM_RULES), to_ours=False))
    else:
        model = {WRAPPER + name: value for name, value in rename(weights, RULES).items()}
        if not any(re.fullmatch(r"neck\.projector\.\d+\.weight", name) and w.dim() == 1 for name, w in weights.items()):
            raise ValueError(
                "expected a SlotCon, whose projector has BN, or a SlotMIM of a ViT that takes masks, got neither: the "
                "authors' code has no place for it"
            )
    return dict(model=model, epoch=count_of(meta_of(checkpoint).get("epoch")) or 0, step=step, meta=noted)


def rename(weights: Mapping[str, Tensor], rules: Rules) -> dict[str, Tensor]:
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
            "expected the weights of a SlotCon or SlotMIM, student and teacher, or of a ResNet backbone; without a "
            f"counterpart: {listing(unmatched)}; missing: {listing(missing)}"
        )
    return renamed


def strip(name: str, prefixes: tuple[str, ...]) -> str:
    for prefix in prefixes:
        name = name.removeprefix(prefix)
    return name
