"""Groups by k-means of pixel features."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import tiny_slotcon

from slotcon_mm.engine.hooks.pixel_clusters_hook import PixelClustersHook, sample_pixels


class Loader(list):
    """Two batches of two images."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        images = torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8, generator=generator)
        super().__init__([dict(inputs=images[:2]), dict(inputs=images[2:])])
        self.dataset = range(4)


def features(model) -> torch.Tensor:
    found = []
    for batch in Loader():
        inputs = model.data_preprocessor(batch)["inputs"]
        projected = model.teacher.neck.projector(model.teacher.backbone(inputs)[-1])
        found.append(torch.nn.functional.normalize(projected, dim=1).flatten(2).transpose(1, 2).flatten(0, 1))
    return torch.cat(found).detach()


def test_pixels_are_normalized_features_of_every_image():
    model = tiny_slotcon().float().eval()
    sampled = sample_pixels(model, Loader(), 3, seed=0)
    assert sampled.shape == (12, 7)
    everything = features(model).numpy()
    distance = np.abs(sampled[:, None] - everything[None]).max(axis=2)
    nearest = distance.argmin(axis=1)
    assert distance.min(axis=1).max() < 1e-6
    assert [int(i) // 16 for i in nearest] == [image for image in range(4) for _ in range(3)]
    np.testing.assert_array_equal(sampled, sample_pixels(model, Loader(), 3, seed=0))


def test_the_teacher_groups_by_the_centroids_from_then_on():
    model = tiny_slotcon().float().eval()
    runner = SimpleNamespace(model=model, test_loop=SimpleNamespace(dataloader=Loader()), logger=logging.Logger("x"))
    PixelClustersHook(num_clusters=3, pixels=64).before_test(runner)
    assert model.teacher.neck.prototypes.shape == (3, 7)
    pixels = features(model)
    centroids = torch.nn.functional.normalize(model.teacher.neck.prototypes, dim=1)
    groups = (pixels @ centroids.T).argmax(1)
    assert set(groups.tolist()) == {0, 1, 2}
    # each centroid is near the mean direction of the pixels it wins
    for k in range(3):
        mean = pixels[groups == k].mean(0)
        assert float(torch.nn.functional.cosine_similarity(mean, centroids[k], dim=0)) > 0.95


def test_images_of_different_sizes_give_the_same_pixels_in_batches_as_alone():
    model = tiny_slotcon().eval()
    generator = torch.Generator().manual_seed(0)
    sizes = ((16, 16), (16, 24), (16, 16), (24, 16))
    images = [torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=generator) for size in sizes]
    together = sample_pixels(model, [dict(inputs=images)], 3, seed=0)
    alone = sample_pixels(model, [dict(inputs=[image]) for image in images], 3, seed=0)
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)


def test_counts_are_positive():
    with pytest.raises(ValueError, match="num_clusters above 0"):
        PixelClustersHook(num_clusters=0)
