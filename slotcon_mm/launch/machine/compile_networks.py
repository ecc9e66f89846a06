"""torch.compile for the networks of a pretraining, and plain PyTorch where it does not work."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.device import get_device
from torch import Tensor, nn

from slotcon_mm.models.algorithms.grouping_algorithm import GroupingAlgorithm

__all__ = ["compile_networks"]


def compile_networks(model: GroupingAlgorithm, options: dict[str, Any] | bool | None) -> list[str]:
    """Compiles backbone and projector of student and teacher in place; names of weights stay as they are.

    The rest of a step (losses, teacher, center) is small, and its schedule would be compiled anew in each step.

    Args:
        model: The model, not its distributed wrapper.
        options: MMEngine's ``compile`` of a config: true, or arguments of ``torch.compile``. ``mode='reduce-overhead'``
            replays CUDA graphs.

    Returns:
        Lines for the log: what is compiled, or why nothing is.
    """
    if options is None or options is False:
        return []
    arguments = dict(dynamic=False, **({} if options is True else options))
    failure = first_failure(arguments)
    if failure:
        return [f"compile: training without torch.compile, which does not work here: {failure}"]
    # what a network's own graph breaks on runs uncompiled, with torch's warning, and does not end the training
    torch._dynamo.config.suppress_errors = True
    for network in networks_of(model):
        network.compile(**arguments)
    return [
        f"compile: backbone and projector by torch.compile({', '.join(f'{k}={v!r}' for k, v in arguments.items())}); "
        "the first steps take minutes"
    ]


def networks_of(model: GroupingAlgorithm) -> list[nn.Module]:
    owners = [(owner.backbone, owner.neck.projector) for owner in (model, model.teacher)]
    anchor = getattr(model, "anchor", None)
    return [network for owner in owners for network in owner] + ([] if anchor is None else [anchor.backbone])


def first_failure(arguments: dict[str, Any]) -> str | None:
    """Compiles three operations with a gradient on this device; None if that works."""

    @torch.compile(**arguments)
    def trial(x: Tensor) -> Tensor:
        return (x * x).relu().sum()

    try:
        with torch._dynamo.config.patch(suppress_errors=False):
            trial(torch.ones(8, device=get_device(), requires_grad=True)).backward()
    except Exception as error:  # compilers fail in many ways
        return f"{type(error).__name__}: {' '.join(str(error).strip().splitlines()[:2])}"
    return None
