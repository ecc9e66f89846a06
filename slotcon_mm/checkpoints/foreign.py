"""A backbone's weights out of any file: found behind its wrappers, translated, and every tensor accounted for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from slotcon_mm.checkpoints.backbone import Backbone, count_of, noted_source
from slotcon_mm.checkpoints.candidates import Candidate, best, candidates
from slotcon_mm.checkpoints.contents import flat_tensors, groups_beside
from slotcon_mm.checkpoints.fit import check_fit
from slotcon_mm.checkpoints.names.families import Known, naming_of
from slotcon_mm.checkpoints.names.tables import ours_of
from slotcon_mm.checkpoints.network_facts import grid_noted
from slotcon_mm.checkpoints.positions import fit_positions
from slotcon_mm.checkpoints.safe_loading import meta_of
from slotcon_mm.checks import listing

__all__ = ["ADDED", "backbone_for"]

WRAPPERS = ("network.", "timm_model.")  # in which networks of timm stand in our backbones: TimmFeatures, TIMMBackbone
# what networks of any library have behind their features, or for their training only; and what is no weight
BEHIND = re.compile(
    r"((fc|classifier|heads?|head_dist|fc_norm|pooler|projection_head|projector|predictor|prototypes|decoder|"
    r"pre_logits|local_cls_norm|norms|lm_head)\.|decoder_|mask_token$|masked_embed$|embeddings\.mask_token$).*"
)
# what detectors add to a backbone that no pretraining has: offsets of deformable convolutions, and mmdet's plugins
ADDED = re.compile(
    r".*\.conv_offset\.(weight|bias)|(.*\.)?layer\d+\.\d+\.(context|gen_attention|nonlocal|conv)_block\w*\..+"
)
CONSTANT = re.compile(r".*(\.relative_position_index|\.attn_mask|\.bias_mask)|rope_embed\..*")


def backbone_for(
    network: Mapping[str, Tensor],
    checkpoint: Mapping[str, Any],
    source: str | None = None,
    grid: tuple[int, int] | None = None,
) -> Backbone:
    """The weights in a file for a network, by its names.

    Where the file has several, the teacher's are taken, or those that ``source`` asks for.

    Args:
        network: State of the network that is to be filled.
        checkpoint: As loaded: of any library that ``names/`` knows, or by the network's own names; wrapped or not.
        source: ``'teacher'`` or ``'student'``.
        grid: H, W of the network's position embeddings; None where they are square.

    Raises:
        ValueError: A tensor of the network is missing in the file and not of ``ADDED`` parts, or has another shape
            there; or one of the file is left over that is no head; or the file lacks whom ``source`` asks for.
    """
    everything = flat_tensors(checkpoint)
    wrapper = next((one for one in WRAPPERS if all(name.startswith(one) for name in network)), "")
    inner = {name.removeprefix(wrapper): value for name, value in network.items()}
    target = naming_of([name for name in inner if not ADDED.fullmatch(name)])
    found = [one for one in candidates(inner, everything, target) if one.tensors]
    if not found:
        check_fit(inner, everything, every=True)  # which names both
    meta = meta_of(checkpoint)
    chosen, side = best(found, source, noted_source(meta))
    tensors, resized = with_positions(chosen.tensors, inner, target, grid, grid_noted(checkpoint))
    # MAE's mask token is its decoder's: of three dimensions, or of another width
    tensors = {k: v for k, v in tensors.items() if v.shape == inner[k].shape or not is_own(k, target)}
    tensors = {name: in_shape(value, inner[name]) for name, value in tensors.items()}
    unfilled = {
        name for name in inner if name not in tensors and (is_own(name, target) or ADDED.fullmatch(name) is not None)
    }
    strange = {name: value for name, value in chosen.surplus.items() if not is_harmless(name, value, target)}
    strange.update({name: everything[chosen.prefix + name] for name in chosen.unknown if not is_behind(name, target)})
    check_fit({name: inner[name] for name in inner if name not in unfilled}, {**tensors, **strange}, every=True)
    steps = next((value for name, value in everything.items() if name.endswith("teacher.steps")), None)
    step = meta.get("step", meta.get("iter")) if steps is None else steps
    return Backbone(
        {wrapper + name: value for name, value in tensors.items()},
        side,
        count_of(step),
        chosen.prefix.removeprefix("state_dict."),
        chosen.known.naming.library if chosen.known else "",
        tuple(filter(None, [resized, *describe_rest(chosen, unfilled, groups_beside(chosen.prefix, everything))])),
    )


def with_positions(
    tensors: dict[str, Tensor],
    network: Mapping[str, Tensor],
    target: Known | None,
    grid: tuple[int, int] | None,
    noted: tuple[int, int] | None,
) -> tuple[dict[str, Tensor], str | None]:
    if target is None:
        return tensors, None
    names = {ours_of(target.naming, name)[0]: name for name in network if ours_of(target.naming, name)}  # type: ignore[index]
    if "pos_embed" not in names:
        return tensors, None
    return fit_positions(
        tensors,
        network,
        positions=names["pos_embed"],
        class_token=names.get("cls_token", ""),
        grid=grid,
        antialias="register_tokens" in names,  # as DINOv2 does with registers, and not without
        noted=noted,
    )


def in_shape(value: Tensor, wanted: Tensor) -> Tensor:
    """A linear layer is a 1 x 1 convolution, and the other way round."""
    if value.shape != wanted.shape and [n for n in value.shape if n > 1] == [n for n in wanted.shape if n > 1]:
        return value.reshape(wanted.shape)
    return value


def is_own(name: str, target: Known | None) -> bool:
    """Whether a network may have a tensor that files do not: norms of further outputs, constants, a mask token."""
    return target is not None and re.fullmatch(target.family.own, name) is not None


def is_behind(name: str, target: Known | None) -> bool:
    """Whether a tensor is rightly left over: a head's, a constant, the norm of an output that is not asked for."""
    return any(kind.fullmatch(name) for kind in (BEHIND, CONSTANT)) or is_own(name, target) or is_optional(name, target)


def is_optional(name: str, target: Known | None) -> bool:
    ours = ours_of(target.naming, name) if target else None
    return target is not None and ours is not None and re.fullmatch(target.family.optional, ours[0]) is not None


def is_harmless(name: str, value: Tensor, target: Known | None) -> bool:
    """A norm behind the features or a class token that the network does not have, or a bias of 0 (DINOv3's)."""
    return is_optional(name, target) or (name.endswith("bias") and not value.any())


def describe_rest(chosen: Candidate, unfilled: set[str], beside: Mapping[str, int]) -> list[str]:
    """Lines: what the file does not have, and what of it is not used."""
    lines = []
    own = sorted(name for name in unfilled if not name.endswith("relative_position_index"))
    if own:
        lines.append(f"as initialized, since no file of such weights has them: {listing(own, most=6)}")
    left_over = [name for name in (*chosen.surplus, *chosen.unknown) if not CONSTANT.fullmatch(name)]
    if left_over:
        lines.append(f"left over: {listing(left_over, most=6)}")
    if "cls_token" in left_over:
        lines.append("the network has no class token, to which patches attended where the weights were trained")
    if beside:
        lines.append("not used: " + listing([f"{group} ({count} tensors)" for group, count in beside.items()], most=6))
    return lines
