"""A frozen network, as all measures see it: images in, dense features out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from slotcon_mm.models.fitting_sizes import at_fitting_size
from slotcon_mm.models.necks.grouping_neck import GroupingNeck
from slotcon_mm.models.patches import patch_of

__all__ = ["Encoding", "FrozenNetwork", "frozen"]


class Encoding(NamedTuple):
    """Of images: ``features`` (B, D, h, w), of length 1 over D; ``scores`` (B, K, h, w), cosines with prototypes."""

    features: Tensor
    scores: Tensor | None


class FrozenNetwork(NamedTuple):
    """A network in evaluation mode.

    Attributes:
        backbone: Normalized images (B, 3, H, W) to a feature map (B, D, h, w), or to several.
        pixels: ``mean`` and ``std`` of a channel on the scale 0 to 255, and the order of ``channels``, RGB or BGR.
        views: Height and width of the images that it was trained on.
        build: A new backbone like it, with random weights.
        neck: Projector and prototypes, for weights that have them.
        in_index: Which of several feature maps is measured.
        origin: Whose weights these are: ``teacher, step 800``.
    """

    backbone: nn.Module
    pixels: Mapping[str, Any]
    views: tuple[int, int]
    build: Callable[[], nn.Module]
    neck: GroupingNeck | None = None
    in_index: int = -1
    origin: str = ""

    @property
    def device(self) -> torch.device:
        return next(self.backbone.parameters()).device

    def with_random_weights(self, seed: int) -> FrozenNetwork:
        """The same network before it learned anything; the process's random numbers stay where they are."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed the GPUs as well
            backbone = self.build()
        return frozen(self._replace(backbone=backbone, neck=None, origin=""), self.device)

    def encode(self, images_B3HW: Tensor) -> Encoding:
        """Of RGB images in 0 to 255.

        Raises:
            ValueError: The backbone yields no feature map, or takes no image of this size.
        """
        name = type(self.backbone).__name__
        with torch.no_grad(), torch.autocast(images_B3HW.device.type, enabled=False):
            # not by a call: where a run has compiled it, that would compile for each size of image
            maps = at_fitting_size(
                self.backbone.forward, self.normalize(images_B3HW), self.views, name, patch_of(self.backbone)
            )
            chosen = maps if isinstance(maps, Tensor) else maps[self.in_index]
            expect_feature_map(chosen, name)
            scores = None if self.neck is None else self.neck.forward(maps).scores
            return Encoding(F.normalize(chosen.float(), dim=1), scores)

    def normalize(self, images_B3HW: Tensor) -> Tensor:
        mean, std = (images_B3HW.new_tensor(self.pixels[name]).view(3, 1, 1) / 255 for name in ("mean", "std"))
        ordered = images_B3HW.flip(1) if self.pixels["channels"] == "BGR" else images_B3HW
        return (ordered / 255 - mean) / std


def expect_feature_map(features: Tensor | Sequence[Any], name: str) -> None:
    if not isinstance(features, Tensor) or features.dim() != 4:
        shape = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise ValueError(
            f"expected a feature map (B, D, h, w) from {name}, got {shape}: a vision transformer yields one with "
            "out_type='featmap'"
        )


def frozen(network: FrozenNetwork, device: torch.device | str) -> FrozenNetwork:
    """On a device, in evaluation mode."""
    for part in (network.backbone, network.neck):
        if part is not None:
            part.to(device)
            part.eval()  # mmpretrain's ResNet returns None from it
    return network
