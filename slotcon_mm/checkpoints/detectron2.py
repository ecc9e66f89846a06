"""What Detectron2 must be told of an exported backbone: tensors show neither pixels nor strides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from torch import Tensor

from slotcon_mm.checkpoints.pixel_facts import IMAGENET
from slotcon_mm.checkpoints.resnet_depth import resnet_depth
from slotcon_mm.checkpoints.standard_resnet import departures

__all__ = ["describe_use_in_detectron2"]

# strides and dilations of the stages, and RES5_DILATION: Detectron2 has no others
LAYOUTS = {((1, 2, 2, 2), (1, 1, 1, 1)): 1, ((1, 2, 2, 1), (1, 1, 1, 2)): 2}


def describe_use_in_detectron2(tensors: Mapping[str, Tensor], network: Mapping[str, Any] | None, file: str) -> str:
    """Lines to print: Detectron2's config in YAML, and what of the pretraining it cannot express.

    Args:
        tensors: Of a ResNet, by the names of its ``state_dict()``.
        network: Facts of the network they come from (``network_facts.py``); None where they are not known.
        file: The export.
    """
    backbone, pixels = (network["backbone"], network["pixels"]) if network else ({}, IMAGENET)
    told = expressible(backbone)
    resnet = dict(
        DEPTH=backbone.get("depth") or resnet_depth(tensors),
        NORM="SyncBN",
        STRIDE_IN_1X1=told["style"] == "caffe",
        **widths(tensors),
    )
    if (dilation := LAYOUTS[told["strides"], told["dilations"]]) != 1:
        resnet["RES5_DILATION"] = dilation
    config = dict(
        INPUT=dict(FORMAT=pixels["channels"] or "RGB"),
        MODEL=dict(
            WEIGHTS=file,
            PIXEL_MEAN=[float(value) for value in pixels["mean"]],
            PIXEL_STD=[float(value) for value in pixels["std"]],
            BACKBONE=dict(FREEZE_AT=0),
            RESNETS=resnet,
        ),
    )
    lines = ["Detectron2 must be told (configs/detection/README.md has a whole config; NORM is BN on one GPU):"]
    if network is None:
        lines[0] = "The pretraining is taken to be the published one. " + lines[0]
    lines.append(yaml.safe_dump(config, sort_keys=False, default_flow_style=None, width=120).rstrip())
    return "\n".join([*lines, *beyond_detectron2(tensors, resnet, network, told)])


def expressible(backbone: Mapping[str, Any]) -> dict[str, Any]:
    """Strides, dilations and style of the ResNet of Detectron2 that comes nearest."""
    layout = tuple(backbone.get("strides") or ()), tuple(backbone.get("dilations") or ())
    strides, dilations = layout if layout in LAYOUTS else next(iter(LAYOUTS))
    return dict(strides=strides, dilations=dilations, style="caffe" if backbone.get("style") == "caffe" else "pytorch")


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


def beyond_detectron2(
    tensors: Mapping[str, Tensor], resnet: Mapping[str, Any], network: Mapping[str, Any] | None, told: dict[str, Any]
) -> list[str]:
    """Lines that warn of what Detectron2's ResNet cannot be told."""
    lines = []
    # pixels are told in full
    others = departures({**network, "pixels": IMAGENET}, tensors, **told) if network else []
    if others:
        lines.append(f"warning: Detectron2 makes other features of these weights: {'; '.join(others)}")
    if network and not network["pixels"]["channels"]:
        lines.append("warning: the order of channels is not known: INPUT.FORMAT has to be that of the pretraining")
    if resnet["DEPTH"] < 50 and resnet.get("RES2_OUT_CHANNELS") != 64:
        lines.append(
            f"warning: Detectron2 builds a ResNet-{resnet['DEPTH']} with 64 channels in its first stage only, this one "
            f"has {resnet.get('RES2_OUT_CHANNELS', 256)}"
        )
    return lines
