"""How far a parameter lies from the input, for learning rates that fall toward it."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["layer_depth"]

STAGE = re.compile(r"backbone\.layer(\d+)\.")  # of any ResNet


def layer_depth(backbone: Any, name: str) -> tuple[int, int]:
    """(depth, layers): 0 at the input, ``layers - 1`` for all that is not the backbone's.

    mmpretrain's backbones tell it themselves; its ResNets do from 50 layers on, and the others count stages here.

    Args:
        backbone: The model's.
        name: Of a parameter of the model.

    Raises:
        ValueError: The backbone's layers are unknown.
    """
    if hasattr(backbone, "get_layer_depth"):
        try:
            return backbone.get_layer_depth(name, "backbone.")
        except NotImplementedError:
            pass
    stages = len(getattr(backbone, "res_layers", ()))
    if not stages:
        raise ValueError(
            f"expected a backbone that tells the depth of its layers, got {type(backbone).__name__}: set "
            "optim_wrapper.constructor=DefaultOptimWrapperConstructor, which gives all layers one rate"
        )
    if not name.startswith("backbone."):
        return stages + 1, stages + 2
    found = STAGE.match(name)
    return (int(found[1]) if found else 0), stages + 2
