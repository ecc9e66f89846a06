"""The ResNet that weights fit where nothing says more: torchvision's and the authors', told by shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from slotcon_mm.checkpoints.network_changes import changes_in_network, describe_changes
from slotcon_mm.checkpoints.network_facts import facts_of_config
from slotcon_mm.checkpoints.resnet_depth import resnet_depth

__all__ = ["backbone_of_shapes", "departures", "standard_facts"]


def backbone_of_shapes(weights: Mapping[str, Tensor], prefix: str = "") -> dict[str, Any]:
    """mmpretrain's config of the ResNet whose names begin with ``prefix``.

    Raises:
        ValueError: No ResNet has its number of blocks.
    """
    depth = resnet_depth([name.removeprefix(prefix) for name in weights if name.startswith(prefix)])
    stem = weights[f"{prefix}conv1.weight"].shape[0]
    return dict(type="ResNet", depth=depth, stem_channels=stem, base_channels=stem)


def standard_facts(weights: Mapping[str, Tensor], prefix: str = "", **told: Any) -> dict[str, Any]:
    """Of torchvision's network of that depth, and of ImageNet's mean and std, RGB, as the authors trained theirs.

    Args:
        weights: By the names of a ResNet.
        prefix: What stands before them.
        told: Arguments of mmpretrain's ResNet that are not the standard's.
    """
    model = dict(type="slotcon_mm.SlotCon", backbone={**backbone_of_shapes(weights, prefix), **told})
    return facts_of_config(dict(model=model, default_scope="mmpretrain"))


def departures(network: Mapping[str, Any], weights: Mapping[str, Tensor], **told: Any) -> list[str]:
    """What a library that builds the standard ResNet, but for what it is ``told``, computes otherwise, a line each."""
    return describe_changes(changes_in_network(network, standard_facts(weights, **told)))
