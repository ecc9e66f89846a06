"""How well groups find objects, derived once more in loops."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from slotcon_mm.datasets.label_sets import IGNORED
from slotcon_mm.evaluation.frozen.objects import best_jaccard, foreground_ari, group_masks


def masks_in_loops(scores: np.ndarray, temperature: float) -> list[set[int]]:
    """Of each prototype with a mass above 1, the fewest cells that hold 99 % of its mass."""
    prototypes, cells = scores.shape
    shares = np.zeros((prototypes, cells))
    for cell in range(cells):
        powers = [math.exp(scores[k, cell] / temperature) for k in range(prototypes)]
        for k in range(prototypes):
            shares[k, cell] = powers[k] / sum(powers)
    found = []
    for k in range(prototypes):
        if sum(shares[k]) <= 1:
            continue
        kept: set[int] = set()
        for cell in sorted(range(cells), key=lambda cell: -shares[k, cell]):
            if sum(shares[k, other] for other in kept) >= 0.99 * sum(shares[k]):
                break
            kept.add(cell)
        found.append(kept)
    return found


@given(prototypes=st.integers(1, 7), height=st.integers(1, 5), width=st.integers(1, 5), seed=st.integers(0, 999))
def test_masks_are_the_fewest_cells_with_99_percent_of_the_mass_of_each_prototype_above_1(
    prototypes, height, width, seed
):
    scores = np.random.default_rng(seed).uniform(-1, 1, (prototypes, height, width))
    found = group_masks(torch.from_numpy(scores), 0.07)
    expected = masks_in_loops(scores.reshape(prototypes, -1), 0.07)
    assert [set(np.flatnonzero(mask)) for mask in found.flatten(1).numpy()] == expected


def test_one_prototype_alone_takes_all_but_the_last_hundredth():
    assert int(group_masks(torch.zeros(1, 5, 4), 0.07).sum()) == 20
    assert int(group_masks(torch.zeros(1, 20, 10), 0.07).sum()) == 198


def test_prototypes_that_never_have_a_mass_of_one_have_no_mask():
    assert group_masks(torch.zeros(10, 3, 3), 0.07).shape == (0, 3, 3)


def jaccard_in_loops(masks: np.ndarray, labels: np.ndarray, classes: tuple[int, ...]) -> float | None:
    height, width = labels.shape
    rows, columns = masks.shape[1:]
    large = np.zeros((len(masks), height, width), bool)
    for y in range(height):
        for x in range(width):
            large[:, y, x] = masks[:, int((y + 0.5) * rows / height), int((x + 0.5) * columns / width)]
    best = []
    for label in classes:
        truth = labels == label
        if truth.any():
            best.append(max(((mask & truth).sum() / (mask | truth).sum() for mask in large), default=0))
    return sum(best) / len(best) if best else None


@given(
    groups=st.integers(0, 4), size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    grid=st.tuples(st.integers(1, 4), st.integers(1, 4)), seed=st.integers(0, 999),
)  # fmt: skip
def test_the_best_mask_of_each_class_counts_and_void_counts_in_the_union(groups, size, grid, seed):
    rng = np.random.default_rng(seed)
    masks = rng.random((groups, *grid)) < 0.5
    labels = rng.choice(np.array([0, 1, 2, 254, IGNORED], np.uint8), size)
    found = best_jaccard(masks, labels, (1, 2, 254))
    expected = jaccard_in_loops(masks, labels, (1, 2, 254))
    assert found == (expected if expected is None else pytest.approx(expected))


def test_void_inside_of_a_mask_lowers_its_score():
    labels = np.array([[1, 1, IGNORED, 0]], np.uint8)
    assert best_jaccard(np.array([[[True, True, False, False]]]), labels, [1]) == 1
    assert best_jaccard(np.array([[[True, True, True, False]]]), labels, [1]) == pytest.approx(2 / 3)


def test_an_image_without_the_classes_says_nothing_and_one_without_masks_is_missed():
    assert best_jaccard(np.ones((1, 2, 2), bool), np.zeros((4, 4), np.uint8), [1, 2]) is None
    assert best_jaccard(np.zeros((0, 2, 2), bool), np.zeros((4, 4), np.uint8), [1, 2]) is None
    assert best_jaccard(np.zeros((0, 2, 2), bool), np.ones((4, 4), np.uint8), [1, 2]) == 0


def ari_by_pairs(groups: list[int], instances: list[int]) -> float:
    """Hubert and Arabie's index, each pair of pixels looked at."""
    kept = [(g, i) for g, i in zip(groups, instances, strict=True) if i > 0]
    pairs = list(combinations(kept, 2))
    same_group = sum(a[0] == b[0] for a, b in pairs)
    same_instance = sum(a[1] == b[1] for a, b in pairs)
    both = sum(a == b for a, b in pairs)
    chance = same_group * same_instance / len(pairs)
    best = (same_group + same_instance) / 2
    return 1.0 if best == chance else (both - chance) / (best - chance)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20).filter(
        lambda pixels: len({instance for _, instance in pixels if instance > 0}) > 1
    )
)
def test_fg_ari_is_what_counting_pairs_gives(pixels):
    groups, instances = ([pixel[k] for pixel in pixels] for k in (0, 1))
    found = foreground_ari(np.array([groups]), np.array([instances]))
    assert found == pytest.approx(ari_by_pairs(groups, instances))


def test_fg_ari_is_1_for_the_same_partition_0_for_one_group_and_none_for_fewer_than_two_instances():
    instances = np.array([[0, 1, 1, 2], [0, 2, 3, 3]])
    assert foreground_ari(np.array([[7, 5, 5, 9], [1, 9, 8, 8]]), instances) == 1
    assert foreground_ari(np.zeros((2, 4), int), instances) == 0
    assert foreground_ari(np.zeros((2, 4), int), np.minimum(instances, 1)) is None
    assert foreground_ari(np.zeros((2, 4), int), np.zeros((2, 4), int)) is None
    assert foreground_ari(np.array([[4, 4]]), np.array([[1, 2]])) == 0
    assert foreground_ari(np.array([[4, 5]]), np.array([[1, 2]])) == 1
