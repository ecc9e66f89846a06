"""What the ``type`` of a part of a config means, however it is spelled: a name, one with its package, or a class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from mmengine.registry import TRANSFORMS

from slotcon_mm.config_nodes import short_type
from slotcon_mm.launch.leftovers import found_in

__all__ = ["is_transform"]


def is_transform(step: Mapping[str, Any], name: str, scope: str | None) -> bool:
    """Whether a pipeline's step is the transform that is called ``name`` under ``scope``, or an heir of it.

    Args:
        step: Its config.
        name: With or without its package.
        scope: The ``default_scope``.
    """
    if short_type(step) == name.rpartition(".")[2]:
        return True
    wanted = found_in(TRANSFORMS, name, scope)
    given = step.get("type")
    found = given if inspect.isclass(given) else found_in(TRANSFORMS, str(given), scope)
    return inspect.isclass(wanted) and inspect.isclass(found) and issubclass(found, wanted)
