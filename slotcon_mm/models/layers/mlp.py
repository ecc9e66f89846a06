"""The perceptrons: the projector (1x1 convolutions on a feature map) and the predictor (on slots)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch.nn.functional as F
from mmengine.model.weight_init import trunc_normal_
from torch import Tensor, nn

from slotcon_mm.models.layers.batch_norm import MaskedBatchNorm1d, SyncBatchNorm

__all__ = ["PointwiseConv2d", "Predictor", "Projector"]


class PointwiseConv2d(nn.Conv2d):
    """A 1x1 convolution as one matrix product over all pixels, which costs no copy in channels-last memory.

    At a projector's widths and few pixels, matrix products run up to twice as fast as the convolutions of a CPU.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=1)

    def lay_out_as_matrix(self) -> None:
        """Gives the kernel the strides that its gradient will have, which DistributedDataParallel's buckets go by."""
        self.weight.data = self.weight.data.flatten(1)[:, :, None, None]

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.movedim(1, -1), self.weight.flatten(1), self.bias).movedim(-1, 1)


class Projector(nn.Sequential):
    """1x1 conv, BN, GELU, 1x1 conv, BN, GELU, 1x1 conv: (B, in, H, W) to (B, out, H, W); no BN without ``norm``."""

    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int, *, norm: bool = True) -> None:
        widths = [in_channels, hidden_channels, hidden_channels, out_channels]
        super().__init__(*perceptron(PointwiseConv2d, widths, SyncBatchNorm if norm else None))


class Predictor(nn.Sequential):
    """Linear, BN, GELU, Linear, BN, GELU, Linear on rows (R, D); the rows that count give the BN statistics.

    Args:
        channels: D.
        hidden_channels: Width between the layers.
        num_layers: Linear layers.
        norm: Whether there is BN.
    """

    def __init__(self, channels: int, hidden_channels: int, *, num_layers: int = 3, norm: bool = True) -> None:
        widths = [channels, *[hidden_channels] * (num_layers - 1), channels]
        super().__init__(*perceptron(nn.Linear, widths, MaskedBatchNorm1d if norm else None))

    def forward(self, x_RD: Tensor, counted_R: Tensor) -> Tensor:  # type: ignore[override]
        for layer in self:
            x_RD = layer(x_RD, counted_R) if isinstance(layer, MaskedBatchNorm1d) else layer(x_RD)
        return x_RD


def perceptron(
    linear: Callable[[int, int], nn.Module], widths: Sequence[int], norm: Callable[[int], nn.Module] | None
) -> list[nn.Module]:
    """Linear layers from width to width; between them BN, if any, and GELU."""
    layers: list[nn.Module] = []
    for i in range(len(widths) - 1):
        layers.append(linear(widths[i], widths[i + 1]))
        if i < len(widths) - 2:
            layers += [] if norm is None else [norm(widths[i + 1])]
            layers.append(nn.GELU())
    return layers


def init_mlp(mlp: nn.Sequential) -> None:
    """Weights from a normal of 0.02, cut at -2 and 2 (absolute, as torch's default); biases 0; BN 1 and 0."""
    for layer in mlp:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            trunc_normal_(layer.weight, std=0.02)
            nn.init.constant_(layer.bias, 0)  # type: ignore[arg-type]
        elif isinstance(layer, MaskedBatchNorm1d | SyncBatchNorm):
            layer.reset_parameters()
