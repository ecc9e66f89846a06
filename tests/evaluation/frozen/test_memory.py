"""What in-context retrieval remembers."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from slotcon_mm.datasets.label_sets import IGNORED
from slotcon_mm.evaluation.frozen.grids import Grid
from slotcon_mm.evaluation.frozen.memory import MemorySample, choose_patches, label_histograms


def histograms_in_loops(labels: np.ndarray, rows: int, columns: int, classes: int) -> np.ndarray:
    """Each pixel counts in the cell in which its center lies."""
    height, width = labels.shape
    found = np.zeros((rows * columns, classes), int)
    for y in range(height):
        for x in range(width):
            # (y + 1/2) / height of the image, in cells, in whole numbers
            cell = ((2 * y + 1) * rows // (2 * height)) * columns + (2 * x + 1) * columns // (2 * width)
            if labels[y, x] != IGNORED:
                found[cell, labels[y, x]] += 1
    return found


@given(
    size=st.tuples(st.integers(1, 13), st.integers(1, 13)),
    grid=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    seed=st.integers(0, 99),
)
def test_histograms_count_the_labeled_pixels_whose_centers_lie_in_a_cell(size, grid, seed):
    labels = np.random.default_rng(seed).choice(np.array([0, 1, 2, IGNORED], np.uint8), size)
    assert np.array_equal(label_histograms(labels, grid, 3), histograms_in_loops(labels, *grid, 3))


@given(height=st.integers(1, 20), rows=st.integers(1, 7), seed=st.integers(0, 99))
def test_a_mirrored_image_has_mirrored_histograms_but_where_a_pixel_lies_on_a_border(height, rows, seed):
    if any((2 * y + 1) * rows % (2 * height) == 0 for y in range(height)):
        return
    labels = np.random.default_rng(seed).integers(3, size=(height, 4), dtype=np.uint8)
    mirrored = label_histograms(labels[::-1], (rows, 1), 3)
    assert np.array_equal(mirrored, label_histograms(labels, (rows, 1), 3)[::-1])


def test_patches_without_a_label_are_never_chosen_and_all_others_are_where_there_are_few():
    present = np.array([[1, 0], [0, 0], [1, 1], [0, 0]], bool)
    assert choose_patches(present, 4, np.random.default_rng(0)).tolist() == [0, 2]
    assert choose_patches(present, 2, np.random.default_rng(0)).tolist() == [0, 2]
    assert choose_patches(np.zeros((5, 2), bool), 2, np.random.default_rng(0)).tolist() == []


def test_the_lowest_of_frequency_times_a_uniform_draw_are_chosen():
    """Patches of the classes a (8 of them), b (2 of them), and both (1)."""
    present = np.array([[True, False]] * 8 + [[False, True]] * 2 + [[True, True]])
    # of 11 patches, 9 have the first class and 3 the second
    scores = np.array([9] * 8 + [3] * 2 + [12])
    for seed in range(20):
        expected = np.argsort(scores * np.random.default_rng(seed).random(11))[:4]
        assert choose_patches(present, 4, np.random.default_rng(seed)).tolist() == sorted(expected.tolist())


def test_rare_classes_come_first_as_often_as_two_uniform_draws_say():
    """One patch of two with the scores f and g: f u < g v has the chance 1 - f / (2 g) where f is less than g."""
    present = np.array([[True, False]] + [[False, True]] * 3)  # frequencies 1 and 3
    rng, counts = np.random.default_rng(0), Counter[int]()
    for _ in range(4000):
        counts[int(choose_patches(present, 1, rng)[0])] += 1
    # the first is chosen if u is less than 3 min(v, w, x): the mean of (1 - u / 3)^3 over u in [0, 1]
    expected = (1 - (2 / 3) ** 4) * 3 / 4
    assert counts[0] / 4000 == pytest.approx(expected, abs=0.025)
    assert max(counts[i] for i in (1, 2, 3)) - min(counts[i] for i in (1, 2, 3)) < 120


def grid(position: int, labels: np.ndarray) -> Grid:
    features = torch.arange(16, dtype=torch.float32).view(1, 4, 4) + 100 * position
    return Grid(position, features, None, labels, None)


def half_void(seed: int = 0) -> np.ndarray:
    labels = np.random.default_rng(seed).integers(3, size=(8, 8), dtype=np.uint8)
    labels[:4] = IGNORED
    return labels


def test_a_memory_holds_features_beside_their_patches_shares_in_the_order_of_epochs_and_images():
    sample = MemorySample(200, 2, 2, 3, seed=0)
    for epoch, position in ((0, 1), (1, 0), (0, 0), (1, 1)):
        sample.add(grid(position, half_void(position)), epoch)
    memory = sample.gather()
    assert memory.features.flatten().tolist() == [*range(8, 16), *range(108, 116)] * 2
    expected = np.concatenate([histograms_in_loops(half_void(i), 4, 4, 3)[8:] / 4 for i in (0, 1)] * 2)
    np.testing.assert_allclose(memory.histograms, expected)
    assert memory.histograms.sum(dim=1).allclose(torch.ones(32))


def test_each_image_of_each_epoch_gives_as_many_patches_drawn_by_seed_epoch_and_image():
    def chosen(seed: int, epoch: int, position: int) -> list[float]:
        sample = MemorySample(13, 2, 2, 3, seed=seed)
        sample.add(grid(position, half_void()), epoch)
        features = sample.gather().features.flatten() - 100 * position
        assert len(features) == 3  # 13 // (2 * 2)
        return features.tolist()

    assert chosen(0, 0, 0) == chosen(0, 0, 0)
    draws = [chosen(seed, epoch, position) for seed in (0, 1) for epoch in (0, 1) for position in (0, 1)]
    assert len({tuple(draw) for draw in draws}) > 5


def test_a_memory_too_small_and_images_without_any_label_are_refused():
    with pytest.raises(ValueError, match="memory of at least 6 patches for 3 images and 2 augmentation epochs, got 5"):
        MemorySample(5, 3, 2, 4, seed=0)
    sample = MemorySample(10, 1, 1, 3, seed=0)
    sample.add(grid(0, np.full((8, 8), IGNORED, np.uint8)), 0)
    with pytest.raises(ValueError, match="expected images with labels, got none with a labeled pixel"):
        sample.gather()
