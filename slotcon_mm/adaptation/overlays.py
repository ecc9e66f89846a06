"""Images with the groups that features of a network make of them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from slotcon_mm.datasets.image_files import UnreadableImageError, read_image
from slotcon_mm.datasets.image_samples import spread
from slotcon_mm.evaluation.clustering import spherical_kmeans
from slotcon_mm.evaluation.frozen.grids import encode_each, rows_of
from slotcon_mm.evaluation.frozen.networks import FrozenNetwork
from slotcon_mm.models.functional import upsampled_argmax
from slotcon_mm.models.input_sizes import usual_size
from slotcon_mm.visualization.overlay import overlay_groups

__all__ = ["cluster_overlays", "read_shown", "shrunk"]

GROUPS = 12
LONGER_SIDE = 320  # of a drawing


def read_shown(paths: Sequence[str], count: int) -> list[np.ndarray]:
    """Images spread over a list, (H, W, 3) RGB; those that cannot be read are left out."""
    found = []
    for path in spread(paths, count):
        try:
            found.append(read_image(path))
        except UnreadableImageError:
            continue
    return found


def cluster_overlays(network: FrozenNetwork, images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The images with twelve clusters of the network's features, over all of them (spherical k-means, seed 0)."""
    grids = [encoding.features for encoding in encode_each(network, images, usual_size(network.views))]
    rows = torch.cat([rows_of(grid) for grid in grids]).cpu()
    directions = spherical_kmeans(rows, min(GROUPS, len(rows)), seed=0)
    drawn = []
    for image, grid in zip(images, grids, strict=True):
        small = shrunk(image)
        scores = torch.einsum("gd,dhw->ghw", directions, grid.cpu())[None]
        drawn.append(overlay_groups(small, upsampled_argmax(scores, small.shape[:2])[0].numpy()))
    return drawn


def shrunk(image_HW3: np.ndarray) -> np.ndarray:
    """At most 320 pixels long."""
    height, width = image_HW3.shape[:2]
    factor = min(1.0, LONGER_SIDE / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return cv2.resize(image_HW3, size, interpolation=cv2.INTER_AREA)
