"""Arguments of classes and functions."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

__all__ = ["parameters_of"]


def parameters_of(part: Any) -> dict[str, inspect.Parameter]:
    """Of a class or function; ``**kwargs`` that a class hands to those that it inherits from stand for what they take.

    Keywords that it hands to something else, another library's function say, stay ``**kwargs``: anything may be meant.
    """
    if not inspect.isclass(part):
        return dict(inspect.signature(part).parameters)
    found: dict[str, inspect.Parameter] = {}
    for kind in part.__mro__[:-1]:
        if "__init__" not in vars(kind):
            continue
        open_ended = [name for name, parameter in found.items() if parameter.kind is parameter.VAR_KEYWORD]
        for name in open_ended:
            del found[name]
        found = {**inspect.signature(kind.__init__).parameters, **found}
        if not any(hands_on(kind.__init__, name) for name, p in found.items() if p.kind is p.VAR_KEYWORD):
            break
    return found


def hands_on(init: Callable[..., None], name: str) -> bool:
    """Whether an ``__init__`` calls another with its ``**name``; taken to be so where its source cannot be read."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(init)))
    except (OSError, TypeError, SyntaxError):
        return True
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(
        isinstance(call.func, ast.Attribute) and call.func.attr == "__init__" and passes(call, name) for call in calls
    )


def passes(call: ast.Call, name: str) -> bool:
    return any(
        given.arg is None and isinstance(given.value, ast.Name) and given.value.id == name for given in call.keywords
    )
