"""The second view of an image: a crop of it in other colors. Where each of its cells lies in the image is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from slotcon_mm.datasets.transforms.paired_views import cut_view
from slotcon_mm.datasets.transforms.view_geometry import draw_crop
from slotcon_mm.models.input_sizes import SMALLEST, usual_size
from slotcon_mm.models.preprocessing.photometric import jitter, jitter_rows

__all__ = ["SecondViews", "places_in_image", "recolored", "view_size"]

SCALE, RATIO = (0.3, 1.0), (3 / 4, 4 / 3)  # of a crop: share of the area, width / height
FLIP_SHARE = 0.5
JITTER = (0.4, 0.4, 0.2, 0.1)  # strengths of brightness, contrast, saturation and hue, as in training


class SecondViews(Dataset):
    """Of each sample's ``img`` (H, W, 3): ``view`` (3, *size) uint8, its ``box`` and ``is_flipped``, draws of colors.

    ``box`` is left, top, right and bottom of the crop in shares of the image's sides. All draws depend on (seed,
    index) and the image's height and width alone, so that every network sees the same.

    Args:
        dataset: The images.
        size: Height and width of a view.
        seed: Of the draws.
    """

    def __init__(self, dataset: Any, size: tuple[int, int], seed: int) -> None:
        self.dataset, self.size, self.seed = dataset, size, seed

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        image = self.dataset[index]["img"]
        height, width = image.shape[:2]
        rng = np.random.default_rng((self.seed, index))
        crop = draw_crop(rng, width, height, SCALE, RATIO)
        is_flipped = bool(rng.random() < FLIP_SHARE)
        strengths, middle = np.array(JITTER), np.array([1.0, 1.0, 1.0, 0.0])
        factors = rng.uniform(middle - strengths, middle + strengths)
        return {
            "view": cut_view(image, crop, self.size, is_flipped),
            "box": (
                crop.left / width, crop.top / height, (crop.left + crop.width) / width,
                (crop.top + crop.height) / height,
            ),
            "is_flipped": is_flipped,
            "jitter_factors": torch.from_numpy(factors).float(),
            "jitter_order": torch.from_numpy(rng.permutation(4)),
        }  # fmt: skip


def view_size(views: tuple[int, int], size: int | None) -> tuple[int, int]:
    """Of second views: a training's own, or in the same proportion to images whose shorter side is ``size``."""
    scale = 1.0 if size is None else size / usual_size(views)
    height, width = (max(SMALLEST, round(scale * side)) for side in views)
    return height, width


def recolored(samples: Sequence[dict[str, Any]], device: torch.device) -> Tensor:
    """Views (B, 3, h, w) of samples of ``SecondViews``, their colors jittered, in 0 to 255."""
    views, factors, order = (
        torch.stack([sample[name] for sample in samples]) for name in ("view", "jitter_factors", "jitter_order")
    )
    rows = [chosen.to(device) for chosen in jitter_rows(order, torch.ones(len(samples), dtype=torch.bool))]
    return 255 * jitter(views.to(device).float() / 255, factors.to(device), rows)


def places_in_image(sample: dict[str, Any], grid: Sequence[int]) -> Tensor:
    """(h w, 2) float64: y and x of the middles of a view's cells, in shares of the image's height and width."""
    left, top, right, bottom = sample["box"]
    rows, columns = grid
    y = top + (bottom - top) * (torch.arange(rows, dtype=torch.float64) + 0.5) / rows
    x = left + (right - left) * (torch.arange(columns, dtype=torch.float64) + 0.5) / columns
    return torch.cartesian_prod(y, x.flip(0) if sample["is_flipped"] else x)
