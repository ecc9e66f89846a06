"""Building a part of a model from a config that a file holds: of registered types, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import mmengine.registry.registry as host
import torch
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import TASK_UTILS, TRANSFORMS, WEIGHT_INITIALIZERS, Registry
from torch import nn

from slotcon_mm.checks import printable
from slotcon_mm.config_nodes import dicts_within

__all__ = ["build_registered", "class_of", "expect_known", "expect_registered", "registered_as"]

ROOTS = (ROOT_MODELS, WEIGHT_INITIALIZERS, TASK_UTILS, TRANSFORMS)
PACKAGES = ("slotcon_mm", "mmpretrain", "mmdet", "mmseg")  # whose registries may not be there yet


def build_registered(config: Mapping[str, Any], scope: str, registry: Registry = ROOT_MODELS) -> Any:
    """As ``registry.build`` under the default scope ``scope``; torch's random numbers stay where they are.

    MMEngine's registries import what a scope or a type that they do not know names (``os.system``), and call it.

    Raises:
        ValueError: A type is not registered.
    """
    with known_imports_only(), registry.switch_scope_and_registry(expect_known(scope)) as own:
        own.import_from_location()
        for _, node in dicts_within(config):
            if "type" in node:
                expect_registered(node["type"], scope)
        with torch.random.fork_rng(devices=[]):
            return own.build(dict(config))


def class_of(config: Mapping[str, Any], scope: str) -> type[nn.Module]:
    """The class that ``build_registered`` would build."""
    with known_imports_only(), ROOT_MODELS.switch_scope_and_registry(expect_known(scope)) as own:
        own.import_from_location()
        expect_registered(config["type"], scope)
        return own.get(config["type"])


def registered_as(name: str, scope: str) -> list[Any]:
    """All that a type's name means to any of ``ROOTS``, in a config of the default scope ``scope``."""
    package, _, short = name.rpartition(".")
    for owner in (package, scope):
        if owner in PACKAGES and find_spec(owner):
            import_module(f"{owner}.registry")
    found = []
    for root in ROOTS:
        scopes = (package,) if package else (scope, root.scope)
        for registry in (root.children.get(one, root if one == root.scope else None) for one in scopes):
            if registry is not None:
                registry.import_from_location()
                found.append(registry.module_dict.get(short))
    return [one for one in found if one is not None]


def expect_registered(name: Any, scope: str) -> None:
    """ValueError for a type that is neither registered nor, in a config that is a program, a class."""
    if not isinstance(name, type) and not registered_as(str(name), scope):
        raise ValueError(
            f"expected types that are registered, got {printable(str(name))}: a config in a file imports nothing"
        )


def expect_known(scope: str) -> str:
    """A scope; ValueError for that of no package that is known."""
    if scope not in known_packages():
        raise ValueError(
            f"expected the default scope of a package that is known, got {printable(scope)}: a config imports none"
        )
    return scope


def known_packages() -> set[str]:
    """Scopes of registries, and where those say that their classes are."""
    registries = [registry for root in ROOTS for registry in (root, *root.children.values())]
    places = [place for registry in registries for place in getattr(registry, "_locations", ())]
    return {*PACKAGES, *(registry.scope for registry in registries), *(place.partition(".")[0] for place in places)}


@contextmanager
def known_imports_only() -> Iterator[None]:
    """Within, MMEngine's registries import nothing but parts of packages that have registries.

    ``Registry.get`` imports what a name that it does not have says (0.10.7, no release ends it); classes call it with
    names from arguments that are no ``type`` (``norm_layer`` of mmpretrain's TIMMBackbone).
    """
    known = known_packages()

    def import_known(name: str, package: str | None = None) -> Any:
        if name not in sys.modules and name.partition(".")[0] not in known:
            raise ImportError(f"expected a package that is known, got {name}")
        return import_module(name, package)

    def import_nothing(name: str) -> None:
        raise ImportError(f"expected a name that is registered, got {name}")

    kept = host.import_module, host.get_object_from_string
    host.import_module, host.get_object_from_string = import_known, import_nothing
    try:
        yield
    finally:
        host.import_module, host.get_object_from_string = kept
