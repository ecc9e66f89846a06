"""Learning rates that fall toward the input, for training on from other weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from mmpretrain.engine.optimizers import LearningRateDecayOptimWrapperConstructor
from torch import nn

from slotcon_mm.models.algorithms.layer_depth import layer_depth
from slotcon_mm.registry import OPTIM_WRAPPER_CONSTRUCTORS

__all__ = ["BACKBONE", "LayerDecayConstructor"]

BACKBONE = "of_backbone"  # key of a parameter group
SETTINGS = ("lr", "lr_scale", "weight_decay")


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayConstructor(LearningRateDecayOptimWrapperConstructor):
    """mmpretrain's layer-wise decay, with one more factor for the whole backbone, in as few groups as there are rates.

    The rate of a layer is lr * ``backbone_lr_mult`` * ``layer_decay_rate`` ^ (layers between it and the heads), that of
    the heads lr. mmpretrain makes a group of each parameter; parameters of the same settings are one group here, so
    that fused optimizers move them in one launch. The heads' group is the first one, whose rate logs show.

    It serves any model with a backbone whose layers' depth is known, mmdet's and mmseg's too. Their own constructors
    of this kind take their own ConvNeXt, BEiT and MAE only.

    ``paramwise_cfg`` has mmpretrain's keys and ``backbone_lr_mult``, 1 by default.
    """

    def add_params(
        self, params: list[dict[str, Any]], module: nn.Module, prefix: str = "",
        get_layer_depth: Callable[[str], tuple[int, int]] | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        if get_layer_depth is None and not hasattr(module, "get_layer_depth"):
            get_layer_depth = partial(layer_depth, getattr(module, "backbone", None))
        super().add_params(params, module, prefix, get_layer_depth, **kwargs)
        if prefix == "":
            scale_backbone(params, self.paramwise_cfg.get("backbone_lr_mult", 1.0))
            params[:] = merge_groups(params)


def scale_backbone(groups: list[dict[str, Any]], factor: float) -> None:
    for group in groups:
        group[BACKBONE] = group["param_name"].startswith("backbone.")
        if group[BACKBONE]:
            group["lr"] *= factor
            group["lr_scale"] *= factor


def merge_groups(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Groups of one parameter each to a group for each combination of settings, the heads' first."""
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for group in groups:
        settings = {name: group[name] for name in (BACKBONE, *SETTINGS) if name in group}
        known = merged.setdefault(tuple(settings.items()), {**settings, "params": []})
        known["params"] += group["params"]
    return sorted(merged.values(), key=lambda group: (group[BACKBONE], -group["lr"]))
