"""Files of weights as other libraries' training scripts leave them, and networks that take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from slotcon_mm.checkpoints.backbone import Backbone
from slotcon_mm.checkpoints.filling import grid_of
from slotcon_mm.checkpoints.foreign import backbone_for
from slotcon_mm.checkpoints.weight_files import read_weights

__all__ = ["as_map", "expect_same_features", "lived_in", "load_file", "prefixed", "saved"]


@torch.no_grad()
def lived_in(network: nn.Module, seed: int = 0) -> nn.Module:
    """Every parameter and statistic has a value of its own, so that none can be missing or swapped unseen."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    for name, buffer in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.add_(0.1 * torch.rand(buffer.shape, generator=generator))
    network.eval()  # mmpretrain's ConvNeXt does not return itself
    return network


def saved(contents: Any, path: Path) -> Path:
    torch.save(contents, path)
    return path


def load_file(network: nn.Module, path: Path, source: str | None = None) -> Backbone:
    """Fills a network from a file, every parameter of it."""
    _, checkpoint = read_weights(path, "--pretrained")
    found = backbone_for(network.state_dict(), checkpoint, source, grid_of(network))
    assert {name for name, _ in network.named_parameters()} <= set(found.tensors)
    network.load_state_dict(found.tensors, strict=False)
    network.eval()
    return found


@torch.no_grad()
def expect_same_features(
    network: nn.Module, theirs: Callable[[Tensor], Tensor], size: tuple[int, int] = (64, 64)
) -> None:
    """Of the last map, to 1e-5 of its scale."""
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(5))
    found, expected = network(images), theirs(images)
    found = found[-1] if isinstance(found, tuple) else found
    scale = max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(found / scale, expected / scale, rtol=0, atol=1e-5)


def as_map(tokens: Tensor, extra: int, grid: tuple[int, int]) -> Tensor:
    """Tokens (B, extra + H W, C) without the extra ones, as (B, C, H, W)."""
    return tokens[:, extra:].transpose(1, 2).unflatten(2, grid)


def prefixed(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state.items()}
