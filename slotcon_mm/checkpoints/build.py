"""A model out of a checkpoint alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from slotcon_mm.checkpoints.plain_config import read_plain_config
from slotcon_mm.checkpoints.safe_loading import state_dict_of
from slotcon_mm.models.algorithms.slotcon import SlotCon
from slotcon_mm.registry import MODELS

__all__ = ["build_from_checkpoint"]

# blocks a stage, and whether they are bottlenecks
DEPTHS: dict[tuple[tuple[int, ...], bool], int] = {
    ((2, 2, 2, 2), False): 18,
    ((3, 4, 6, 3), False): 34,
    ((3, 4, 6, 3), True): 50,
    ((3, 4, 23, 3), True): 101,
    ((3, 8, 36, 3), True): 152,
}


def build_from_checkpoint(checkpoint: Mapping[str, Any]) -> SlotCon:
    """The pretraining model with its weights, in evaluation mode.

    The architecture is that of the config in ``meta``; a converted file has none, and its ResNet is read off shapes.

    Raises:
        ValueError: The weights are not those of a pretraining, or do not fill the model.
    """
    weights = state_dict_of(checkpoint)
    if "teacher.neck.prototypes" not in weights:
        raise ValueError(
            "expected a pretraining checkpoint, with teacher and prototypes, got one without (a backbone alone groups "
            "nothing); for the authors' files run tools/convert_checkpoint.py from-official first"
        )
    text = (checkpoint.get("meta") or {}).get("cfg")
    config = read_plain_config(text)["model"] if text else config_of_shapes(weights)
    config.pop("init_cfg", None)
    model = MODELS.build({"_scope_": "mmpretrain", **config})
    model.load_state_dict(weights, strict=True)
    return model.eval()


def config_of_shapes(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """The config of a plain ResNet's SlotCon."""
    blocks = [re.match(r"backbone\.layer(\d)\.(\d+)\.", name) for name in weights]
    counts = tuple(1 + max((int(m[2]) for m in blocks if m and m[1] == stage), default=-1) for stage in "1234")
    bottleneck = "backbone.layer1.0.conv3.weight" in weights
    if (counts, bottleneck) not in DEPTHS:
        raise ValueError(
            f"expected a ResNet of depth 18 to 152, got blocks {counts}: keep the config in the checkpoint"
        )
    depth = DEPTHS[counts, bottleneck]
    hidden, in_channels = weights["neck.projector.0.weight"].shape[:2]
    K, D = weights["neck.prototypes"].shape
    stem = weights["backbone.conv1.weight"].shape[0]
    return dict(
        type="slotcon_mm.SlotCon",
        backbone=dict(type="ResNet", depth=depth, stem_channels=stem, base_channels=stem),
        neck=dict(
            type="slotcon_mm.GroupingNeck", in_channels=in_channels, hidden_channels=hidden, out_channels=D,
            num_prototypes=K,
        ),
        group_head=dict(type="slotcon_mm.GroupLossHead"),
        slot_head=dict(
            type="slotcon_mm.SlotLossHead", hidden_channels=weights["slot_head.predictor.0.weight"].shape[0]
        ),
    )  # fmt: skip
