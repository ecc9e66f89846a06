"""torchvision's classification networks, up to their last feature map."""

from __future__ import annotations

import torchvision
from torch import Tensor, nn

__all__ = ["TorchvisionFeatures", "torchvision_names"]

STAGES = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")  # of its ResNets


def torchvision_names() -> list[str]:
    return torchvision.models.list_models(module=torchvision.models)


class TorchvisionFeatures(nn.Module):
    """Normalized images (B, 3, H, W) to the last feature map (B, D, h, w); parameters have torchvision's names.

    Args:
        name: As ``torchvision.models.get_model`` takes it: ``resnet50``, ``convnext_tiny``, ``efficientnet_b0``. Its
            weights are random: nothing is downloaded.

    Raises:
        ValueError: torchvision has no such network, or it yields no map by a way that is known here.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        if name not in torchvision_names():
            raise ValueError(f"expected a classification network of torchvision {torchvision.__version__}, got {name}")
        network = torchvision.models.get_model(name, weights=None)
        names = STAGES if hasattr(network, "layer4") else ("features",)
        if not all(hasattr(network, part) for part in names) or hasattr(network, "permute"):
            raise ValueError(
                f"expected a network of torchvision whose last feature map is known here (ResNets, and those with "
                f"'features'), got {name}: pass a config with mmpretrain's network of that kind"
            )
        for part in names:
            self.add_module(part, getattr(network, part))

    def forward(self, images: Tensor) -> Tensor:
        for part in self.children():
            images = part(images)
        return images
