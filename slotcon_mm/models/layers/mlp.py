"""The three-layer perceptrons: the projector (1x1 convolutions on a feature map) and the predictor (on slots)."""

from __future__ import annotations

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
    """1x1 conv, BN, GELU, 1x1 conv, BN, GELU, 1x1 conv: (B, in, H, W) to (B, out, H, W)."""

    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int) -> None:
        super().__init__(
            PointwiseConv2d(in_channels, hidden_channels),
            SyncBatchNorm(hidden_channels),
            nn.GELU(),
            PointwiseConv2d(hidden_channels, hidden_channels),
            SyncBatchNorm(hidden_channels),
            nn.GELU(),
            PointwiseConv2d(hidden_channels, out_channels),
        )


class Predictor(nn.Sequential):
    """Linear, BN, GELU, Linear, BN, GELU, Linear on rows (R, D); the rows that count give the BN statistics."""

    def __init__(self, channels: int, hidden_channels: int) -> None:
        super().__init__(
            nn.Linear(channels, hidden_channels),
            MaskedBatchNorm1d(hidden_channels),
            nn.GELU(),
            nn.Linear(hidden_channels, hidden_channels),
            MaskedBatchNorm1d(hidden_channels),
            nn.GELU(),
            nn.Linear(hidden_channels, channels),
        )

    def forward(self, x_RD: Tensor, counted_R: Tensor) -> Tensor:  # type: ignore[override]
        for layer in self:
            x_RD = layer(x_RD, counted_R) if isinstance(layer, MaskedBatchNorm1d) else layer(x_RD)
        return x_RD


def init_mlp(mlp: nn.Sequential) -> None:
    """Weights from a normal of 0.02, cut at -2 and 2 (absolute, as torch's default); biases 0; BN 1 and 0."""
    for layer in mlp:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            trunc_normal_(layer.weight, std=0.02)
            nn.init.constant_(layer.bias, 0)  # type: ignore[arg-type]
        elif isinstance(layer, MaskedBatchNorm1d | SyncBatchNorm):
            layer.reset_parameters()
