"""A pyramid of feature maps from a plain vision transformer's last one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmcv.cnn import ConvModule, build_norm_layer
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from slotcon_mm.checks import expect_positive
from slotcon_mm.registry import MODELS

__all__ = ["SimpleFeaturePyramid"]

LAYER_NORM = dict(type="mmpretrain.LN2d", eps=1e-6)


@MODELS.register_module()
class SimpleFeaturePyramid(BaseModule):
    """Maps of four times, twice, once and half the density of a single one (ViTDet: Li et al., ECCV 2022, section 3).

    The denser ones are made by one or two transposed convolutions of 2 x 2, the first of two with a norm and a GELU
    behind it, the coarser one by the largest of 2 x 2. A 1 x 1 and a 3 x 3 convolution, each with a norm, follow on
    every level. A fifth map is each second cell of the fourth, as in mmdet's ``FPN``.

    Args:
        in_channels: C of the single map, a multiple of 4.
        out_channels: Of the maps of the pyramid.
        norm_cfg: As OpenMMLab's configs have it; layer norm over channels by default, as in the paper.
    """

    def __init__(
        self, in_channels: int, out_channels: int = 256, norm_cfg: dict[str, Any] | None = None, init_cfg: Any = None
    ) -> None:
        super().__init__(init_cfg)
        expect_positive(in_channels=in_channels, out_channels=out_channels)
        if in_channels % 4:
            raise ValueError(f"expected in_channels that 4 divides, got {in_channels}")
        self.in_channels = in_channels
        norm_cfg = norm_cfg or LAYER_NORM
        half, quarter = in_channels // 2, in_channels // 4
        self.scales = nn.ModuleList(
            [
                nn.Sequential(
                    nn.ConvTranspose2d(in_channels, half, 2, stride=2),
                    build_norm_layer(norm_cfg, half)[1],
                    nn.GELU(),
                    nn.ConvTranspose2d(half, quarter, 2, stride=2),
                ),
                nn.ConvTranspose2d(in_channels, half, 2, stride=2),
                nn.Identity(),
                nn.MaxPool2d(2, stride=2),
            ]
        )
        self.levels = nn.ModuleList(
            nn.Sequential(
                ConvModule(channels, out_channels, 1, norm_cfg=norm_cfg, act_cfg=None),
                ConvModule(out_channels, out_channels, 3, padding=1, norm_cfg=norm_cfg, act_cfg=None),
            )
            for channels in (quarter, half, in_channels, in_channels)
        )

    def forward(self, features: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Of a map (B, C, H, W), the last where there are several.

        Returns:
            (B, out_channels, 4 H, 4 W), (... 2 H, 2 W), (... H, W), (... H / 2, W / 2), (... H / 4, W / 4).

        Raises:
            ValueError: It is no map, or of other channels.
        """
        last = features if isinstance(features, Tensor) else features[-1]
        if last.dim() != 4 or last.shape[1] != self.in_channels:
            raise ValueError(
                f"expected a feature map (B, {self.in_channels}, H, W) from the backbone, got shape "
                f"{tuple(last.shape)}: set model.neck.in_channels, or model.backbone.out_type=featmap"
            )
        maps = [level(scale(last)) for scale, level in zip(self.scales, self.levels, strict=True)]
        return (*maps, functional.max_pool2d(maps[-1], kernel_size=1, stride=2))
