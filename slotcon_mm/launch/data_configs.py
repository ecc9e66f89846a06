"""YAML and JSON configs are data: reading one, or building what it describes, runs nothing that it brings along."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import mmengine
import yaml
from mmengine.fileio import YamlHandler, register_handler

__all__ = ["SafeYamlHandler", "expect_data_only"]

SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DATA_FORMATS = (".yaml", ".yml", ".json")
# 'Name', or 'scope.Name' of a registry; any longer path MMEngine would import and call
TYPE = re.compile(r"^(?:\w+|(?:mmengine|mmcv|mmpretrain|mmdet|mmseg|slotcon_mm)\.[A-Z]\w*)$")
TYPE_KEYS = re.compile(r"^(?:type|\w+_type|constructor)$")


@register_handler(["yaml", "yml"])
class SafeYamlHandler(YamlHandler):
    """MMEngine's handler with YAML's safe loader; its own (0.10.7) calls the functions that a file names."""

    def load_from_fileobj(self, file: Any, **kwargs: Any) -> Any:
        return yaml.load(file, Loader=SAFE_LOADER)  # noqa: S506 - it is the safe one


def expect_data_only(path: str) -> None:
    """ValueError for a YAML or JSON config that would run code: by tags, imports, Python bases or types outside of
    registries. Python configs are programs and pass; so do bases of installed packages (``package::config``)."""
    if not path.endswith(DATA_FORMATS) or not os.path.isfile(path):
        return
    try:
        content = mmengine.load(path)
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"expected a config that is data only, got {path}: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"expected a config of keys and values, got a {type(content).__name__} in {path}")
    bases = content.get("_base_") or []
    for base in [bases] if isinstance(bases, str) else bases:
        if "::" in base:
            continue
        if not base.endswith(DATA_FORMATS):
            raise refusal(path, f"it inherits from {base}, which is a program")
        expect_data_only(os.path.join(os.path.dirname(path), base))
    if content.get("custom_imports"):
        raise refusal(path, "it has custom_imports")
    for key, value in entries(content):
        if TYPE_KEYS.match(key) and isinstance(value, str) and not TYPE.match(value):
            raise refusal(path, f"{key}={value!r} names something outside of the registries")


def refusal(path: str, reason: str) -> ValueError:
    return ValueError(f"expected a config that is data only, got {path}: {reason}. Write it as a Python config instead")


def entries(node: Any) -> Iterator[tuple[str, Any]]:
    """All keys and values below ``node``."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield str(key), value
            yield from entries(value)
    elif isinstance(node, list | tuple):
        for item in node:
            yield from entries(item)
