"""A backward pass in Python, for devices that are only pretended.

torch's engine asks a device's driver for its streams, and raises where there is none. The graph, its nodes and what
they compute are torch's. What the engine does around them is written here: the order, sums of gradients that meet,
shapes and types of gradients, and leaves that keep a gradient or a copy of it.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

__all__ = ["backward"]


@torch.no_grad()
def backward(loss: Tensor) -> None:
    """Adds to ``.grad`` of every leaf, as ``loss.backward()`` does."""
    if loss.grad_fn is None:
        raise ValueError("expected a loss with a graph, got none")
    # a node waits until each of its users has sent its gradient
    waits_for = Counter(after for node in nodes_from(loss.grad_fn) for after, _ in edges(node))
    arrived: dict[Any, dict[int, Tensor]] = {loss.grad_fn: {0: torch.ones_like(loss)}}
    ready = [(0, 0, loss.grad_fn)]
    while ready:
        *_, node = heapq.heappop(ready)
        gradients = run(node, arrived.pop(node, {}))
        for (after, place), gradient in zip(node.next_functions, gradients, strict=True):
            if after is None:
                continue
            if gradient is not None:
                slots = arrived.setdefault(after, {})
                gradient = as_expected(gradient, after, place)
                slots[place] = gradient if place not in slots else slots[place] + gradient
            waits_for[after] -= 1
            if not waits_for[after]:
                heapq.heappush(ready, (-after._sequence_nr(), len(waits_for) + id(after), after))


def edges(node: Any) -> Iterator[tuple[Any, int]]:
    return ((after, place) for after, place in node.next_functions if after is not None)


def nodes_from(root: Any) -> list[Any]:
    found, left = {root}, [root]
    while left:
        for after, _ in edges(left.pop()):
            if after not in found:
                found.add(after)
                left.append(after)
    return list(found)


def run(node: Any, arrived: dict[int, Tensor]) -> tuple[Tensor | None, ...]:
    if hasattr(node, "variable"):
        accumulate(node.variable, arrived[0])
        return ()
    if not arrived:
        return (None,) * len(node.next_functions)
    given = [arrived.get(place) for place in range(len(node._input_metadata))]
    if not isinstance(node, torch.autograd.function.BackwardCFunction):
        return in_tuple(node(*given))
    # of a function in Python: one for each argument, where the graph has edges for tensors only
    returned = zip(in_tuple(node.apply(*given)), node.needs_input_grad, strict=True)
    wanted = iter([gradient for gradient, needed in returned if needed])
    return tuple(next(wanted) if after is not None else None for after, _ in node.next_functions)


def in_tuple(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def as_expected(gradient: Tensor, node: Any, place: int) -> Tensor:
    """In the shape and type of what it is the gradient of."""
    expected = node._input_metadata[place]
    if gradient.device != expected.device:
        raise RuntimeError(f"{node.name()} was given a gradient on {gradient.device}, expected {expected.device}")
    shape = torch.Size(expected.shape)
    if gradient.shape != shape:
        gradient = gradient.sum_to_size(shape)
    return gradient.to(expected.dtype)


def accumulate(leaf: Tensor, gradient: Tensor) -> None:
    """A first gradient is kept as it is if it lies in memory as its leaf does, and is copied otherwise."""
    if leaf.grad is not None:
        leaf.grad += gradient
    elif all(size == 1 or a == b for size, a, b in zip(leaf.shape, leaf.stride(), gradient.stride(), strict=True)):
        leaf.grad = gradient.detach()
    else:
        leaf.grad = gradient.new_empty_strided(leaf.shape, leaf.stride()).copy_(gradient)
