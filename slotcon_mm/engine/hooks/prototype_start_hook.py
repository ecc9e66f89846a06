"""Prototypes that begin as clusters of the images that they will group."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dist import all_gather, broadcast, get_dist_info
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from slotcon_mm.checks import expect_positive
from slotcon_mm.engine.hooks.sample_seed_hook import clocks_of
from slotcon_mm.engine.model_of import model_of
from slotcon_mm.evaluation.clustering import spherical_kmeans
from slotcon_mm.models.algorithms.grouping_algorithm import GroupingAlgorithm
from slotcon_mm.registry import HOOKS

__all__ = ["PrototypeStartHook"]


@HOOKS.register_module()
class PrototypeStartHook(Hook):
    """Before the first step: prototypes become centroids of the projected features of a sample of the images.

    Spherical k-means clusters the pixels of first views, as the teacher will see them: normalized by the batch's
    statistics. Prototypes get the length of random ones, sqrt(D), so that their rates mean the same; student's and
    teacher's are the same. Nothing else of the model changes.

    Args:
        images: How many, spread over the dataset; all if there are fewer.
        pixels: Of all images, that are clustered.
    """

    priority = "HIGH"  # behind what fills the backbone

    def __init__(self, images: int = 1000, pixels: int = 50_000) -> None:
        expect_positive(images=images, pixels=pixels)
        self.images, self.pixels = images, pixels

    def before_train(self, runner: Runner) -> None:
        if runner.iter > 0 or runner.cfg.get("resume"):
            return
        model = model_of(runner)
        features_PD = self.sample(runner, model)
        if len(features_PD) < model.neck.num_prototypes:
            raise ValueError(
                "expected at least as many pixels of feature maps as there are prototypes, "
                f"{model.neck.num_prototypes}, got {len(features_PD)}: lower model.neck.num_prototypes, or raise "
                "PrototypeStartHook.images"
            )
        directions_KD = spherical_kmeans(features_PD, model.neck.num_prototypes, seed=runner.seed or 0)
        prototypes_KD = directions_KD.to(model.neck.prototypes) * model.neck.out_channels**0.5
        broadcast(prototypes_KD)
        with torch.no_grad():
            for neck in (model.neck, model.teacher.neck):
                neck.prototypes.copy_(prototypes_KD)
        runner.logger.info(
            f"prototypes start as {len(prototypes_KD)} clusters of {len(features_PD)} pixels of the training images"
        )

    @torch.no_grad()
    def sample(self, runner: Runner, model: GroupingAlgorithm) -> Tensor:
        """(P, D) projected features of length 1, of the images of all processes."""
        rank, world = get_dist_info()
        for clock in clocks_of(runner):
            clock.set(runner.seed or 0, 0)
        given: Any = runner.train_dataloader
        count = min(self.images, len(given.dataset)) // world
        chosen = np.linspace(0, len(given.dataset) - 1, count * world).astype(int)[rank::world]
        # as many on each process, whose norms wait for one another, in batches of a training's size
        size = min(given.batch_sampler.batch_size, max(1, count))
        loader = DataLoader(
            Subset(given.dataset, chosen.tolist()), size, collate_fn=given.collate_fn, drop_last=True,
            num_workers=given.num_workers, worker_init_fn=given.worker_init_fn, generator=torch.Generator(),
        )  # fmt: skip
        network = deepcopy(model.teacher).train()
        generator = torch.Generator().manual_seed(rank)
        each = -(-self.pixels // max(1, len(loader) * size * world))
        found = []
        for batch in loader:
            views = model.data_preprocessor(batch, True)["inputs"]
            projected = network.neck.project(network.backbone(views[0])).float()
            pixels_BPD = F.normalize(projected, dim=1).flatten(2).mT.cpu()
            drawn = torch.rand(pixels_BPD.shape[:2], generator=generator).argsort(dim=1)[:, :each]
            found.append(pixels_BPD.gather(1, drawn[..., None].expand(-1, -1, pixels_BPD.shape[2])).flatten(0, 1))
        return torch.cat(all_gather(torch.cat(found)))
