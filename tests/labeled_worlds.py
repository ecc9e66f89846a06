"""Images whose labels are their colors, and networks that read them: whose features' worth is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from slotcon_mm.datasets.label_sets import IGNORED, LabelSet, label_set_of
from slotcon_mm.evaluation.frozen.networks import FrozenNetwork

COLORS = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)], np.uint8)
CLASSES = len(COLORS)
LABEL_SET = label_set_of(dict(classes=("black", "red", "green", "blue")))
SIDE, CELL = 32, 4  # pixels: the smallest side that a network is shown, and of a cell of ``Colors``
AS_THEY_ARE = dict(mean=[0.0] * 3, std=[255.0] * 3, channels="RGB")

__all__ = [
    "AS_THEY_ARE", "CELL", "CLASSES", "COLORS", "LABEL_SET", "SIDE", "Colors", "Constant", "Worlds", "bands", "network",
    "noise", "rotation", "speckled", "stained",
]  # fmt: skip


class Worlds(Dataset):
    """Images and labels in memory; ``order`` are positions in ``samples``."""

    def __init__(self, samples: Sequence[dict[str, Any]], label_set: LabelSet = LABEL_SET) -> None:
        self.samples, self.label_set = list(samples), label_set

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return dict(self.samples[index])


def sample_of(labels_HW: np.ndarray, image_HW3: np.ndarray | None = None, **others: Any) -> dict[str, Any]:
    image = COLORS[np.where(labels_HW == IGNORED, 0, labels_HW)] if image_HW3 is None else image_HW3
    return {"img": image, "gt_sem_seg": labels_HW.astype(np.uint8), **others}


def bands(count: int, *, width: int = SIDE, seed: int = 0) -> Worlds:
    """Each class a vertical band of whole cells, in an order of its own in each image; each band an instance."""
    rng, samples = np.random.default_rng(seed), []
    for _ in range(count):
        labels = np.broadcast_to(rng.permutation(CLASSES).repeat(width // CLASSES), (SIDE, width))
        samples.append(sample_of(labels, gt_instances=labels.astype(np.int32) + 1))
    return Worlds(samples)


def speckled(count: int, *, seed: int = 0, void: float = 0.1) -> Worlds:
    """A class for each pixel at random, a tenth of them void; images of two sizes."""
    rng, samples = np.random.default_rng(seed), []
    for number in range(count):
        size = (SIDE, SIDE) if number % 3 else (SIDE, SIDE + 8)
        labels = rng.integers(CLASSES, size=size)
        image = COLORS[labels]
        samples.append(sample_of(np.where(rng.random(size) < void, IGNORED, labels), image))
    return Worlds(samples)


def stained(count: int, *, seed: int = 0) -> Worlds:
    """Cells of a class each, of whose pixels a third have its color and the others any; images of two sizes.

    No color is pure, so that no two cells are alike.
    """
    rng, samples = np.random.default_rng(seed), []
    for number in range(count):
        cells = rng.integers(CLASSES, size=(SIDE // CELL, SIDE // CELL + 2 * (number % 2)))
        labels = enlarged(cells)
        colors = np.where(rng.random(labels.shape) < 0.3, labels, rng.integers(CLASSES, size=labels.shape))
        image = (COLORS[colors] + rng.integers(-40, 41, (*labels.shape, 3))).clip(0, 255).astype(np.uint8)
        samples.append(sample_of(np.where(rng.random(labels.shape) < 0.1, IGNORED, labels), image))
    return Worlds(samples)


def noise(count: int, *, seed: int = 0) -> Worlds:
    """Colors that have nothing to do with the labels, which are cells of classes that are equally frequent."""
    rng, samples = np.random.default_rng(seed), []
    cells = SIDE // CELL
    for _ in range(count):
        labels = rng.permutation(np.arange(cells * cells) % CLASSES).reshape(cells, cells)
        image = rng.integers(256, size=(cells, cells, 3), dtype=np.uint8)
        samples.append(sample_of(enlarged(labels), enlarged(image)))
    return Worlds(samples)


def enlarged(cells: np.ndarray) -> np.ndarray:
    return cells.repeat(CELL, axis=0).repeat(CELL, axis=1)


class Colors(nn.Module):
    """The mean over cells of ``stride`` x ``stride`` pixels of what each pixel's color is, one of ``COLORS`` one-hot.

    Args:
        stride: 1: features equal to labels.
        turned: Orthogonal (D, D), by which features are turned.
        spread: Added: the color itself, so that no two features need be equal.
    """

    def __init__(self, stride: int = CELL, turned: Tensor | None = None, spread: float = 0.0) -> None:
        super().__init__()
        self.stride, self.spread = stride, spread
        turned = torch.eye(CLASSES + 3, dtype=torch.double) if turned is None else turned
        self.turned = nn.Parameter(turned)

    def forward(self, images_B3HW: Tensor) -> Tensor:
        colors_C3 = torch.from_numpy(COLORS).to(images_B3HW) / 255
        distance_BCHW = (images_B3HW[:, None] - colors_C3[None, :, :, None, None]).square().sum(dim=2)
        one_hot = F.one_hot(distance_BCHW.argmin(dim=1), CLASSES).permute(0, 3, 1, 2).double()
        features = torch.cat([one_hot, self.spread * images_B3HW.double()], dim=1)
        pooled = F.avg_pool2d(features, self.stride)
        return torch.einsum("ed,bdhw->behw", self.turned, pooled)


class Constant(nn.Module):
    """A collapsed network: the same feature everywhere; ``ripple``: up to rounding."""

    def __init__(self, ripple: float = 0.0) -> None:
        super().__init__()
        self.feature, self.ripple = nn.Parameter(torch.tensor([1.0, 2.0, 3.0, 4.0])), ripple

    def forward(self, images_B3HW: Tensor) -> Tensor:
        pooled = F.avg_pool2d(images_B3HW, CELL).mean(dim=1, keepdim=True)
        return self.feature[:, None, None] + self.ripple * pooled


def network(backbone: nn.Module, **others: Any) -> FrozenNetwork:
    return FrozenNetwork(backbone.eval(), AS_THEY_ARE, (SIDE, SIDE), lambda: type(backbone)(), **others)


def rotation(size: int, seed: int) -> Tensor:
    """Orthogonal (D, D), at random."""
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(size, size, dtype=torch.double, generator=generator))[0]
