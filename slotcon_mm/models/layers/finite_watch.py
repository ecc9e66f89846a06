"""Whether all numbers of a run have been finite so far, known on the device without waiting for it."""

from __future__ import annotations

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn

__all__ = ["FiniteWatch"]


class FiniteWatch(nn.Module):
    """Two flags that are part of no checkpoint.

    Attributes:
        intact: () bool, no step of this process's life had a non-finite loss or gradient. Teacher, center and optimizer
            move only while it is true. ``FiniteGuardHook`` clears it, and ends the run a step later.
        observed: (Q,) bool, which quantities of the latest step were finite on all ranks.
    """

    intact: Tensor
    observed: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.names: tuple[str, ...] = ()
        self.register_buffer("intact", torch.ones((), dtype=torch.bool), persistent=False)
        self.register_buffer("observed", torch.ones(0, dtype=torch.bool), persistent=False)

    @torch.no_grad()
    def observe(self, *, first: bool = True, **quantities: Tensor) -> None:
        """Notes which of the named tensors are finite throughout, on all ranks, and in all of a step's micro-batches.

        Args:
            first: Whether a step begins with these; else they join those before.
            **quantities: Of the same names in each of a step's micro-batches.
        """
        self.names = tuple(quantities)
        finite = torch.stack([value.isfinite().all() for value in quantities.values()]).to(torch.uint8)
        all_reduce(finite, op="min")
        self.observed = finite.bool() if first else self.observed & finite.bool()
