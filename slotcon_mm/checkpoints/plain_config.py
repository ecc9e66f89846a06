"""The config that a checkpoint carries as text, read as data: nothing in it is run."""

from __future__ import annotations

import ast
from typing import Any

from slotcon_mm.checkpoints.old_names import with_new_names

__all__ = ["read_plain_config"]

MOST_CHARACTERS = 1_000_000  # MMDetection's longest has some 50,000


def read_plain_config(text: str) -> dict[str, Any]:
    """The assignments of a config as MMEngine writes it out: literals, and ``dict(...)`` with names or with a literal.

    MMEngine's own way, ``Config.fromstring``, runs the text as Python. Names of version 0.1.0 become today's.

    Raises:
        ValueError: It holds anything else.
    """
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"expected a config of at most {MOST_CHARACTERS:,} characters, got {len(text):,}")
    try:
        return with_new_names(assignments(parsed(text)))
    except (RecursionError, MemoryError):
        raise ValueError("expected a config, got text that is nested too deep") from None


def parsed(text: str) -> list[ast.stmt]:
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError) as error:  # ValueError: of a null byte, before Python 3.12
        raise ValueError(f"expected a config, got text that is none: {error}") from None


def assignments(statements: list[ast.stmt]) -> dict[str, Any]:
    found = {}
    for statement in statements:
        if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)):
            raise ValueError(f"expected assignments of plain values, got {ast.unparse(statement)[:80]}")
        found[statement.targets[0].id] = value_of(statement.value)
    return found


def value_of(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        if len(node.args) == 1 and isinstance(node.args[0], ast.Dict) and not node.keywords:
            return value_of(node.args[0])  # keys that are no names, such as a class's with a space
        if node.args:
            raise ValueError(f"expected plain values, got {ast.unparse(node)[:80]}")
        return {str(keyword.arg): value_of(keyword.value) for keyword in node.keywords}
    if isinstance(node, ast.Dict):
        if not all(isinstance(key, ast.Constant) for key in node.keys):
            raise ValueError(f"expected plain keys, got {ast.unparse(node)[:80]}")
        return {value_of(key): value_of(value) for key, value in zip(node.keys, node.values, strict=True) if key}
    if isinstance(node, ast.List | ast.Tuple):
        items = [value_of(item) for item in node.elts]
        return items if isinstance(node, ast.List) else tuple(items)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        raise ValueError(f"expected plain values, got {ast.unparse(node)[:80]}") from None
