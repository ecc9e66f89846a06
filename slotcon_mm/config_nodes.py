"""Walks through configs: the dicts in them, their places and types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["dicts_within", "short_type"]


def dicts_within(node: Any, place: str = "", *, leave_out: str | None = None) -> Iterator[tuple[str, Any]]:
    """Dotted places and dicts of a config, in its order, an outer one before those within it.

    Args:
        node: A dict, a list, or a value of one.
        place: That of ``node``.
        leave_out: A key below which nothing is looked at.
    """
    if isinstance(node, Mapping):
        yield place, node
        items: Any = [(name, value) for name, value in node.items() if name != leave_out]
    else:
        items = enumerate(node) if isinstance(node, list | tuple) else ()
    for name, value in items:
        yield from dicts_within(value, f"{place}.{name}" if place else str(name), leave_out=leave_out)


def short_type(node: Mapping[str, Any]) -> str:
    """The name of a config's ``type`` without its package; in configs of pure Python the type is a class."""
    kind = node.get("type")
    return getattr(kind, "__name__", str(kind)).rpartition(".")[2]
