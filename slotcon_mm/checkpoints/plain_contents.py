"""What a file may hand over: dicts, lists, text, numbers, and tensors that are what they say."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["plain_contents"]

MOST_DEPTH = 100  # dicts and lists within one another
MOST_PLACES = 1_000_000  # dicts and lists, counted at each place where one is met
PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray, torch.dtype, torch.device, torch.layout)


def plain_contents(loaded: Any, most_bytes: int, *, shapes_only: bool = False) -> Any:
    """What was loaded, built anew of plain parts.

    Attributes that a pickle gives to dicts and tensors are left behind (but ``_metadata``, which torch keeps with a
    ``state_dict``), and so are objects that are neither plain nor tensors: those of ``inert.py``, storages.

    Args:
        loaded: By torch's safe loader.
        most_bytes: Of a tensor's values: the size of the file. An expanded tensor claims any number.
        shapes_only: Whether tensors were asked for without values.

    Raises:
        ValueError: A tensor without values of its own, or dicts that hold one another so often that no walk ends.
    """
    return Cleaning(most_bytes, shapes_only).clean(loaded, 0)


class Left:
    """Stands where something is left out."""


class Cleaning:
    def __init__(self, most_bytes: int, shapes_only: bool) -> None:
        self.most_bytes, self.shapes_only = most_bytes, shapes_only
        self.done: dict[int, tuple[Any, int, int]] = {}  # by identity: what it became, its places, its depth
        self.places = self.depth = 0  # of the part that was cleaned last

    def clean(self, node: Any, depth: int) -> Any:
        kind = type(node)
        self.places = self.depth = 0
        if kind in PLAIN:
            return node
        if kind not in (Tensor, nn.Parameter) and not isinstance(node, dict | list | tuple | set):
            return Left
        if id(node) not in self.done:
            if depth >= MOST_DEPTH:  # a dict within itself has no end
                raise ValueError(f"dicts or lists within one another, deeper than {MOST_DEPTH}")
            self.done[id(node)] = (self.made_of(node, depth), self.places, self.depth)
        made, self.places, self.depth = self.done[id(node)]
        if depth + self.depth > MOST_DEPTH:
            raise ValueError(f"dicts or lists within one another, deeper than {MOST_DEPTH}")
        if self.places > MOST_PLACES:
            raise ValueError(f"dicts or lists that hold one another at more than {MOST_PLACES:,} places")
        return made

    def made_of(self, node: Any, depth: int) -> Any:
        if isinstance(node, Tensor):
            return self.tensor(node)
        places, deepest = 1, 0

        def clean(part: Any) -> Any:
            nonlocal places, deepest
            made = self.clean(part, depth + 1)
            places, deepest = places + self.places, max(deepest, self.depth)
            return made

        made: Any
        if isinstance(node, dict):  # its own methods may be overridden
            pairs = [(clean(name), clean(value)) for name, value in dict.items(node)]
            kind = OrderedDict if isinstance(node, OrderedDict) else dict
            made = kind((name, value) for name, value in pairs if name is not Left and value is not Left)
            versions = vars(node).get("_metadata") if kind is OrderedDict else None
            if isinstance(versions, dict):
                made._metadata = clean(versions)
        else:
            kept = [part for part in map(clean, node) if part is not Left]
            made = kept if isinstance(node, list) else type(node)(kept)
        self.places, self.depth = places, 1 + deepest
        return made

    def tensor(self, node: Tensor) -> Tensor:
        value = Tensor.detach(node)  # without attributes, which would be taken for its methods
        self.places = self.depth = 0
        if value.layout is not torch.strided or value.is_quantized or value.is_nested:
            raise ValueError("a tensor that is sparse, quantized or nested")
        if value.is_meta and not self.shapes_only:
            raise ValueError("a tensor without values")
        if value.numel() * value.element_size() > self.most_bytes:
            raise ValueError(
                f"a tensor of shape {tuple(value.shape)}, whose values would take more than the "
                f"{self.most_bytes:,} bytes of the whole file"
            )
        return value
