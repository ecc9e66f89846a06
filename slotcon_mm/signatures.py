"""Arguments of classes and functions."""

from __future__ import annotations

import inspect
from typing import Any

__all__ = ["parameters_of"]


def parameters_of(part: Any) -> dict[str, inspect.Parameter]:
    """Of a class or function; ``**kwargs`` of a class stand for what those take that it inherits from."""
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
        if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in found.values()):
            break
    return found
