"""Groups by k-means of pixel features, instead of the prototypes that were learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dist import all_gather_object, broadcast
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from slotcon_mm.checks import expect_positive
from slotcon_mm.engine.model_of import model_of
from slotcon_mm.evaluation.clustering import kmeans
from slotcon_mm.models.algorithms.grouping_algorithm import GroupingAlgorithm
from slotcon_mm.models.one_size import batches_of_one_size
from slotcon_mm.registry import HOOKS

__all__ = ["PixelClustersHook", "sample_pixels"]


@HOOKS.register_module()
class PixelClustersHook(Hook):
    """Before a test: the teacher's prototypes become the centroids of its normalized pixel features.

    Pixels are drawn evenly from the images of the test. For tests only: a training that went on would use them.

    Args:
        num_clusters: Groups.
        pixels: Features that k-means sees, from all images and processes.
        seed: Of draws and k-means.
    """

    def __init__(self, num_clusters: int, pixels: int = 50_000, seed: int = 0) -> None:
        expect_positive(num_clusters=num_clusters, pixels=pixels)
        self.num_clusters, self.pixels, self.seed = num_clusters, pixels, seed

    def before_test(self, runner: Runner) -> None:
        model = model_of(runner)
        loader = runner.test_loop.dataloader
        mine = sample_pixels(model, loader, max(1, self.pixels // max(1, len(loader.dataset))), seed=self.seed)
        points = np.concatenate([part for part in all_gather_object(mine) if len(part)])
        centroids = torch.from_numpy(kmeans(points, self.num_clusters, seed=self.seed, restarts=3))
        prototypes = centroids.to(model.teacher.neck.prototypes)
        broadcast(prototypes)
        model.teacher.neck.prototypes = nn.Parameter(prototypes, requires_grad=False)
        runner.logger.info(
            f"k-means of {len(points)} pixel features: {self.num_clusters} groups replace the prototypes"
        )


@torch.no_grad()
def sample_pixels(model: GroupingAlgorithm, loader: Any, each: int, *, seed: int) -> np.ndarray:
    """(N, D) normalized features of the teacher, ``each`` random pixels of every image of a loader."""
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    found: list[Tensor] = []
    for batch in loader:
        inputs = model.data_preprocessor(batch, False)["inputs"]
        features: dict[int, Tensor] = {}
        for places, images in batches_of_one_size(inputs):
            projected = model.teacher.neck.project(model.teacher.backbone(images))
            features.update(zip(places, F.normalize(projected.float(), dim=1).flatten(2).transpose(1, 2), strict=True))
        for _, pixels in sorted(features.items()):  # in the order of the images, which the draws follow
            pixels = pixels.cpu()
            found.append(pixels[torch.randperm(len(pixels), generator=generator)[:each]])
    return torch.cat(found).numpy() if found else np.zeros((0, 1), np.float32)
