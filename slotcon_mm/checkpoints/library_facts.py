"""Facts of networks of torchvision and timm, and of files that say nothing: by our names, to be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torchvision

from slotcon_mm.checkpoints.candidates import find_known
from slotcon_mm.checkpoints.contents import flat_tensors
from slotcon_mm.checkpoints.layer_facts import read_layers
from slotcon_mm.checkpoints.names.families import Known, naming_by_layers
from slotcon_mm.checkpoints.names.tables import ours_of, theirs_of
from slotcon_mm.checkpoints.pixel_facts import IMAGENET
from slotcon_mm.models.backbones.timm_features import TimmFeatures

__all__ = ["facts_by_names", "facts_of_timm", "facts_of_torchvision", "with_names_of"]

# torchvision's ResNets and ResNeXts, in OpenMMLab's words
THEIR_RESNET = dict(
    strides=[1, 2, 2, 2], dilations=[1, 1, 1, 1], style="pytorch", deep_stem=False, avg_down=False,
    norm_cfg=dict(type="BN"),
)  # fmt: skip
# a layer's own weight, and that of an attention's first layer
OF_LAYERS = (".in_proj_weight", ".qkv.weight", ".weight")


def facts_of_torchvision(name: str) -> dict[str, Any]:
    """Of a network of torchvision with its newest weights; ``resnet50``, say.

    Raises:
        ValueError: torchvision has no such network.
    """
    with torch.random.fork_rng(devices=[]):
        network = torchvision.models.get_model(name, weights=None)
    transforms = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    layers, _ = read_layers(network)
    pixels = dict(
        mean=[255 * value for value in transforms.mean], std=[255 * value for value in transforms.std], channels="RGB"
    )
    return dict(layers=layers, strides=[], pixels=pixels, backbone=dict(THEIR_RESNET) if "resn" in name else {})


def facts_of_timm(name: str) -> dict[str, Any]:
    """Of a network of timm, as ``timm.create_model`` takes it: ``resnet50.a1_in1k``, say.

    Raises:
        ImportError: timm is not installed.
        ValueError: timm has no such network.
    """
    with torch.random.fork_rng(devices=[]):
        network = TimmFeatures(name)
    layers, strides = read_layers(network)
    layers = {place.removeprefix("network."): facts for place, facts in layers.items()}
    return dict(layers=layers, strides=strides, pixels=dict(network.pixels), backbone={})


def facts_by_names(checkpoint: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """What all networks have whose tensors have a library's names: ``eps`` of layer norms, and ImageNet's pixels.

    Args:
        checkpoint: As loaded.
        now: Facts of the network that takes the weights; all else is taken to be as there.

    Returns:
        The library, and facts; None where the names tell nothing.
    """
    found = find_known(flat_tensors(checkpoint))
    if found is None or found.known is None or not (found.known.naming.eps or found.known.naming.imagenet_pixels):
        return None
    naming = found.known.naming
    layers = {
        place: {**facts, "eps": naming.eps} if naming.eps and facts.get("kind") == "layer norm" else facts
        for place, facts in now["layers"].items()
    }
    pixels = {**IMAGENET, "channels": now["pixels"]["channels"] and "RGB"} if naming.imagenet_pixels else now["pixels"]
    return naming.library, dict(layers=layers, strides=[], pixels=pixels, backbone={})


def with_names_of(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of one network with its layers by the names of another's, where a table has both."""
    old, new = naming_by_layers(then["layers"]), naming_by_layers(now["layers"])
    if old is None or new is None or old.family is not new.family or old.naming is new.naming:
        return dict(then)
    layers = {renamed: facts for place, facts in then["layers"].items() if (renamed := other_place(place, old, new))}
    return dict(then, layers=layers)


def other_place(place: str, old: Known, new: Known) -> str | None:
    """A layer's name in another library; None if a table lacks it."""
    for ending in OF_LAYERS:
        ours = ours_of(old.naming, place + ending)
        theirs = theirs_of(new.naming, ours[0]) if ours else None
        if theirs is not None:
            return next((theirs[0].removesuffix(one) for one in OF_LAYERS if theirs[0].endswith(one)), None)
    return None
