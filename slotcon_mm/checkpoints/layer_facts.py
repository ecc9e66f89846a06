"""What a network's layers do that their tensors do not show, read from the network as it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

__all__ = ["read_layers"]

SIDE = 224  # pixels: what every backbone takes, also those of a fixed size
ACTIVATIONS = ("activation", "swish", "hsigmoid")  # in the names of the modules of torch and mmcv that have them


@torch.no_grad()
def read_layers(backbone: nn.Module, last_stage: nn.Module | None = None) -> tuple[dict[str, Any], list[int]]:
    """Runs a network on an empty image and notes, for each layer, what decides its features besides its weights.

    A window (a convolution or a pool of more than one pixel) has ``step``, the distance of its taps in pixels of the
    image: stride of its input x dilation; ``step_after``, stride of its output x dilation; ``dilation``; ``padding`` in
    dilations; and its ``kernel``. Networks whose steps agree compute the same features on grids of other density.
    Norms have ``eps``, activations their kind, attention its ``heads``.

    Args:
        backbone: A module of an image (1, 3, H, W). It is left in evaluation mode.
        last_stage: What goes on from its last feature map under the backbone's own names (a C4 detector's shared head).

    Returns:
        Plain values by the layers' names; strides of the feature maps that the backbone returns.
    """
    found: dict[str, dict[str, Any]] = {}
    hooks = []
    for part in filter(None, (backbone, last_stage)):
        part.eval()
        for name, layer in part.named_modules():
            facts = facts_of_layer(layer)
            if facts:
                found[name] = facts
            if hasattr(layer, "kernel_size") and not name.endswith("conv_offset"):
                hooks.append(layer.register_forward_hook(window_note(found, name)))
    try:
        maps = backbone(torch.zeros(1, 3, SIDE, SIDE))
        maps = [one for one in (maps if isinstance(maps, Sequence) else [maps]) if is_map(one)]
        if last_stage is not None:
            last_stage(maps[-1])
    finally:
        for hook in hooks:
            hook.remove()
    return found, [stride_of(one) for one in maps]


def facts_of_layer(layer: nn.Module) -> dict[str, Any]:
    """Of a norm, an activation or an attention; empty for others."""
    if isinstance(getattr(layer, "eps", None), float):
        return dict(kind=norm_kind(layer), eps=layer.eps)
    if isinstance(getattr(layer, "num_heads", None), int):
        return dict(kind="attention", heads=layer.num_heads)
    if any(word in type(layer).__module__ for word in ACTIVATIONS) and not [*layer.children()]:
        options = [option for option in layer.extra_repr().split(", ") if option and not option.startswith("inplace")]
        return dict(kind=type(layer).__name__ + (f"({', '.join(options)})" if options else ""))
    return {}


def norm_kind(layer: nn.Module) -> str:
    """SyncBN, BN and frozen BN are the same function of an image once they are trained."""
    if isinstance(layer, _BatchNorm) or "BatchNorm" in type(layer).__name__:
        return "batch norm"
    if isinstance(layer, nn.GroupNorm):
        return f"group norm of {layer.num_groups} groups"
    if isinstance(layer, nn.LayerNorm):
        return "layer norm"
    return "instance norm" if isinstance(layer, _InstanceNorm) else type(layer).__name__


def window_note(found: dict[str, dict[str, Any]], name: str) -> Any:
    def note(layer: Any, inputs: tuple[Any, ...], output: Any) -> None:
        kernel = plain(layer.kernel_size)
        if name in found or kernel == 1 or not is_map(inputs[0]):
            return
        dilation, padding = plain(getattr(layer, "dilation", 1)), plain(getattr(layer, "padding", 0))
        before = stride_of(inputs[0])
        after = stride_of(output) if is_map(output) else before * first(layer.stride)
        found[name] = dict(
            kind=type(layer).__name__,
            kernel=kernel,
            step=times(before, dilation),
            step_after=times(after, dilation),
            dilation=dilation,
            padding=padding if isinstance(padding, str) else divided(padding, dilation),
        )
        if getattr(layer, "padding_mode", "zeros") != "zeros":
            found[name]["padding_mode"] = layer.padding_mode

    return note


def is_map(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dim() == 4


def stride_of(features: Tensor) -> int:
    return max(1, round(SIDE / features.shape[-1]))


def plain(value: Any) -> Any:
    """A number where both axes have the same."""
    if not isinstance(value, list | tuple):
        return value
    return value[0] if len(set(value)) == 1 else list(value)


def first(value: Any) -> Any:
    return value[0] if isinstance(value, list | tuple) else value


def times(stride: int, dilation: Any) -> Any:
    return [stride * one for one in dilation] if isinstance(dilation, list) else stride * dilation


def divided(padding: Any, dilation: Any) -> Any:
    both = [pair if isinstance(pair, list) else [pair, pair] for pair in (padding, dilation)]
    return plain([one / other for one, other in zip(*both, strict=True)])
