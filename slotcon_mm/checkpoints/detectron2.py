"""What Detectron2 must be told of an exported backbone: tensors show neither pixels nor strides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from torch import Tensor

from slotcon_mm.checkpoints.pixel_facts import IMAGENET
from slotcon_mm.checkpoints.plain_config import read_plain_config
from slotcon_mm.checkpoints.resnet_depth import resnet_depth
from slotcon_mm.checkpoints.safe_loading import meta_of

__all__ = ["describe_use_in_detectron2"]

# strides and dilations of the stages, and RES5_DILATION: Detectron2 has no others
LAYOUTS = {((1, 2, 2, 2), (1, 1, 1, 1)): 1, ((1, 2, 2, 1), (1, 1, 1, 2)): 2}


def describe_use_in_detectron2(tensors: Mapping[str, Tensor], checkpoint: Mapping[str, Any], file: str) -> str:
    """Lines to print: Detectron2's config in YAML, and what of the pretraining it cannot express.

    Args:
        tensors: Of a ResNet, by the names of its ``state_dict()``.
        checkpoint: Where they come from; the config in its ``meta`` says how pixels were normalized.
        file: The export.
    """
    text = meta_of(checkpoint).get("cfg")
    model = read_plain_config(text).get("model") or {} if isinstance(text, str) else {}
    backbone, pixels = model.get("backbone") or {}, model.get("data_preprocessor") or {}
    layout = tuple(backbone.get("strides", (1, 2, 2, 2))), tuple(backbone.get("dilations", (1, 1, 1, 1)))
    resnet = dict(
        DEPTH=backbone.get("depth") or resnet_depth(tensors),
        NORM="SyncBN",
        STRIDE_IN_1X1=backbone.get("style", "pytorch") == "caffe",
        **widths(tensors),
    )
    if LAYOUTS.get(layout, 1) != 1:
        resnet["RES5_DILATION"] = LAYOUTS[layout]
    config = dict(
        INPUT=dict(FORMAT="RGB"),
        MODEL=dict(
            WEIGHTS=file,
            PIXEL_MEAN=[float(value) for value in pixels.get("mean", IMAGENET["mean"])],
            PIXEL_STD=[float(value) for value in pixels.get("std", IMAGENET["std"])],
            BACKBONE=dict(FREEZE_AT=0),
            RESNETS=resnet,
        ),
    )
    lines = ["Detectron2 must be told (configs/detection/README.md has a whole config; NORM is BN on one GPU):"]
    if not text:
        lines[0] = "This file holds no config: the pretraining is taken to be the published one. " + lines[0]
    lines.append(yaml.safe_dump(config, sort_keys=False, default_flow_style=None, width=120).rstrip())
    return "\n".join([*lines, *beyond_detectron2(resnet, layout, backbone)])


def widths(tensors: Mapping[str, Tensor]) -> dict[str, int]:
    """Channels and groups where they are not Detectron2's defaults, which are those of a ResNet-50."""
    is_bottleneck = "layer1.0.conv3.weight" in tensors
    width, of_a_group = tensors["layer1.0.conv2.weight"].shape[:2]
    found = dict(
        STEM_OUT_CHANNELS=tensors["conv1.weight"].shape[0],
        RES2_OUT_CHANNELS=tensors[f"layer1.0.conv{3 if is_bottleneck else 2}.weight"].shape[0],
        NUM_GROUPS=width // of_a_group,
        WIDTH_PER_GROUP=of_a_group if is_bottleneck else 64,
    )
    usual = dict(STEM_OUT_CHANNELS=64, RES2_OUT_CHANNELS=256, NUM_GROUPS=1, WIDTH_PER_GROUP=64)
    return {key: int(value) for key, value in found.items() if value != usual[key]}


def beyond_detectron2(resnet: Mapping[str, Any], layout: tuple[Any, Any], backbone: Mapping[str, Any]) -> list[str]:
    """Lines that warn of what Detectron2's ResNet cannot be told."""
    lines = []
    if layout not in LAYOUTS:
        lines.append(
            f"warning: the pretraining's strides {layout[0]} and dilations {layout[1]} are none of Detectron2's "
            "ResNet: its features will not be those of the pretraining"
        )
    if resnet["DEPTH"] < 50 and resnet.get("RES2_OUT_CHANNELS") != 64:
        lines.append(
            f"warning: Detectron2 builds a ResNet-{resnet['DEPTH']} with 64 channels in its first stage only, this one "
            f"has {resnet.get('RES2_OUT_CHANNELS', 256)}"
        )
    if backbone.get("avg_down"):
        lines.append("warning: the pretraining's avg_down=True is not in Detectron2's ResNet: features will differ")
    return lines
