"""What a config holds for a type that another one has replaced."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from mmengine.registry import root

from slotcon_mm.signatures import parameters_of

__all__ = ["found_in", "leftovers", "strange_arguments"]

# read by what builds a part, not by the part
READ_BY_BUILDERS = {"type", "_scope_", "_delete_", "constructor", "paramwise_cfg", "convert_to_iter_based", "priority"}
REGISTRIES = (
    root.MODELS, root.OPTIMIZERS, root.OPTIM_WRAPPERS, root.PARAM_SCHEDULERS, root.DATASETS, root.DATA_SAMPLERS,
    root.TRANSFORMS, root.HOOKS, root.METRICS, root.VISUALIZERS, root.VISBACKENDS, root.LOG_PROCESSORS, root.FUNCTIONS,
)  # fmt: skip


# networks and optimizers of different families: the numbers of one mean something else to the other
OWN_NUMBERS = (root.MODELS, root.OPTIMIZERS)


def strange_arguments(node: Mapping[str, Any], scope: str | None) -> list[str]:
    """Keys of a part's config that its ``type`` does not take; none for a type that is not known.

    Args:
        node: The config.
        scope: The ``default_scope``.
    """
    for registry in REGISTRIES:
        if (part := found_in(registry, str(node.get("type")), scope)) is not None:
            return not_accepted(node, part)
    return []


def leftovers(node: Mapping[str, Any], kind: str, scope: str | None) -> dict[str, float | None]:
    """Keys that belong to a part's old ``type`` and are to go when it becomes a ``kind``.

    These are what ``kind`` does not take. A network or an optimizer of another family takes its own defaults besides:
    only what it has no default for stays, and ``norm_cfg`` where its own norm is BN too: synchronized it remains.

    Returns:
        For each key, the default of ``kind`` if that is a number, which MMEngine wants to see in the config; else None.
    """
    for registry in REGISTRIES:
        old = found_in(registry, str(node.get("type")), scope)
        if old is None:
            continue
        new = found_in(registry, kind, scope)
        if new is None:
            return {}
        going = not_accepted(node, new)
        parameters = parameters_of(new)
        if registry in OWN_NUMBERS and not are_related(old, new):
            needed = {name for name, parameter in parameters.items() if parameter.default is parameter.empty}
            staying = needed | READ_BY_BUILDERS | ({"norm_cfg"} if takes_batch_norm(parameters) else set())
            going = [key for key in node if key in going or key not in staying]
        return {key: number_or_none(parameters[key].default) if key in parameters else None for key in going}
    return {}


def takes_batch_norm(parameters: Mapping[str, inspect.Parameter]) -> bool:
    norm = parameters["norm_cfg"].default if "norm_cfg" in parameters else None
    return isinstance(norm, Mapping) and norm.get("type") in ("BN", "SyncBN")


def number_or_none(value: Any) -> float | None:
    return value if isinstance(value, int | float) else None


def are_related(old: Any, new: Any) -> bool:
    return inspect.isclass(old) and inspect.isclass(new) and (issubclass(old, new) or issubclass(new, old))


def not_accepted(node: Mapping[str, Any], part: Any) -> list[str]:
    parameters = parameters_of(part)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return []
    return [key for key in node if key not in parameters and key not in READ_BY_BUILDERS]


def found_in(registry: Any, kind: str, scope: str | None) -> Any:
    """What a config's ``type`` means under a ``default_scope``; None if nothing is called so."""
    try:
        with registry.switch_scope_and_registry(scope) as local:
            return local.get(kind)
    except (RuntimeError, ImportError):  # how MMEngine says that there is none
        return None
