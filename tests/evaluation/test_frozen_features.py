"""What features are worth, on features whose worth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

NUM_CLASSES = 4


@pytest.fixture(autouse=True)
def _scripts_folder(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "tools/benchmarks"))


def labeled_features(images: int, *, told: bool, seed: int) -> tuple[torch.Tensor, np.ndarray]:
    """Maps of 6 x 8 cells of 4 pixels, and features that tell the classes apart, or nothing."""
    generator = torch.Generator().manual_seed(seed)
    cells = torch.randint(NUM_CLASSES, (images, 6, 8), generator=generator)
    features = 0.05 * torch.randn(images, 6, 8, 5, generator=generator)
    if told:
        features[..., :NUM_CLASSES] += F.one_hot(cells, NUM_CLASSES)
    labels = cells.repeat_interleave(4, dim=1).repeat_interleave(4, dim=2)
    return F.normalize(features.permute(0, 3, 1, 2), dim=1), labels.numpy().astype(np.uint8)


def scores(*, told: bool) -> dict[str, float]:
    from slotcon_mm.evaluation.frozen_features import cluster_score, knn_score, probe_score

    train, held_out = labeled_features(12, told=told, seed=0), labeled_features(8, told=told, seed=1)
    return dict(
        clusters=cluster_score(*held_out, NUM_CLASSES, seed=0),
        probe=probe_score(train, held_out, NUM_CLASSES, seed=0, steps=100),
        neighbors=knn_score(train, held_out, NUM_CLASSES, seed=0),
    )


def test_features_that_tell_classes_apart_score_high_and_noise_scores_by_chance():
    told, noise = scores(told=True), scores(told=False)
    assert told["clusters"] == 1
    # scores are enlarged bilinearly: cells of 4 pixels in random colors lose some of their edges
    assert min(told["probe"], told["neighbors"]) > 0.7
    # of four classes alike in size, guessing has an IoU of 1/7
    assert max(noise.values()) < 0.25


def test_pixels_without_a_label_teach_nothing():
    from slotcon_mm.evaluation.frozen_features import labels_on_grid, training_pixels

    features, labels = labeled_features(2, told=True, seed=0)
    labels[0] = 255
    rows, targets = training_pixels(features, labels)
    assert len(rows) == len(targets) == 48
    assert torch.equal(targets, labels_on_grid(labels[1:], (6, 8)).flatten())
    assert torch.equal(rows, features[1].permute(1, 2, 0).flatten(0, 1))


def test_networks_are_shown_pixels_as_pretraining_shows_them():
    from slotcon_mm.evaluation.frozen_features import to_input

    images = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3), dtype=np.uint8)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = ((images / 255 - mean) / std).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(to_input(images).numpy(), expected, rtol=1e-4, atol=1e-5)
