"""Building a part of a model from a config that a file holds: of registered types, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import TASK_UTILS, TRANSFORMS, WEIGHT_INITIALIZERS, Registry
from torch import nn

from slotcon_mm.config_nodes import dicts_within

__all__ = ["build_registered", "class_of"]

ROOTS = (ROOT_MODELS, WEIGHT_INITIALIZERS, TASK_UTILS, TRANSFORMS)
PACKAGES = ("slotcon_mm", "mmpretrain", "mmdet", "mmseg")  # whose registries may not be there yet


def build_registered(config: Mapping[str, Any], scope: str, registry: Registry = ROOT_MODELS) -> Any:
    """As ``registry.build`` under the default scope ``scope``; torch's random numbers stay where they are.

    MMEngine's registries import what a type that they do not know names (``os.system``), and call it.

    Raises:
        ValueError: A type is not registered.
    """
    with registry.switch_scope_and_registry(scope) as own:
        own.import_from_location()
        for _, node in dicts_within(config):
            if "type" in node:
                expect_registered(node["type"])
        with torch.random.fork_rng(devices=[]):
            return own.build(dict(config))


def class_of(config: Mapping[str, Any], scope: str) -> type[nn.Module]:
    """The class that ``build_registered`` would build."""
    with ROOT_MODELS.switch_scope_and_registry(scope) as own:
        own.import_from_location()
        expect_registered(config["type"])
        return own.get(config["type"])


def expect_registered(name: Any) -> None:
    if isinstance(name, type):  # in a config that is a program
        return
    scope, _, short = str(name).rpartition(".")
    if scope in PACKAGES and find_spec(scope):
        import_module(f"{scope}.registry")
    for root in ROOTS:
        children = root.children
        if scope in children:
            children[scope].import_from_location()
        known = scope in ("", root.scope, *children)
        if known and any(short in registry.module_dict for registry in (root, *children.values())):
            return
    raise ValueError(f"expected types that are registered, got {name}: a config in a file imports nothing")
