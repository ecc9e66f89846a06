"""What the ``type`` of a part of a config means, however it is spelled: a name, one with its package, or a class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from mmengine.registry import TRANSFORMS

from slotcon_mm.config_nodes import short_type
from slotcon_mm.launch.leftovers import found_in

__all__ = ["is_transform", "type_of"]


def type_of(node: Mapping[str, Any], registry: Any, scope: str | None) -> Any:
    """The class that a part's ``type`` means under a ``default_scope``; None if nothing is called so."""
    kind = node.get("type")
    found = found_in(registry, kind, scope) if isinstance(kind, str) else kind
    return found if inspect.isclass(found) else None


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
    found = type_of(step, TRANSFORMS, scope)
    return inspect.isclass(wanted) and found is not None and issubclass(found, wanted)
