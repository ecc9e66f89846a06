"""Differences between scores of the same images, and their noise."""

from __future__ import annotations

import numpy as np
import pytest

from slotcon_mm.evaluation.frozen.paired import Difference, paired_difference
from slotcon_mm.evaluation.frozen.scorers import ImageCounts, Score


def score(hits: np.ndarray, unions: np.ndarray) -> Score:
    iou = [h / u for h, u in zip(hits.sum(axis=0), unions.sum(axis=0), strict=True) if u]
    as_tuples = (tuple(map(tuple, part.tolist())) for part in (hits, unions))
    return Score(float(np.mean(iou)), images=ImageCounts(*as_tuples))


def counts(images: int, seed: int, shift: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    unions = rng.integers(50, 100, size=(images, 3))
    return np.minimum(rng.integers(10, 50, size=(images, 3)) + shift, unions), unions


def test_a_score_beside_itself_has_no_difference_and_no_error():
    same = score(*counts(30, 0))
    assert paired_difference(same, same) == Difference(0.0, 0.0)


def test_the_error_is_that_of_redrawn_images():
    earlier, later = counts(40, 0), counts(40, 1)
    rng = np.random.default_rng(7)
    differences = []
    for _ in range(4000):  # written out: the same images for both
        drawn = rng.integers(40, size=40)
        before, after = (score(hits[drawn], unions[drawn]).value for hits, unions in (earlier, later))
        differences.append(after - before)
    found = paired_difference(score(*earlier), score(*later))
    assert found.value == pytest.approx(score(*later).value - score(*earlier).value)
    assert found.error == pytest.approx(np.std(differences), rel=0.08)


def test_what_both_find_hard_is_no_noise_of_their_difference():
    hits, unions = counts(40, 0)
    gained = score(np.minimum(hits + 1, unions), unions)
    difference = paired_difference(score(hits, unions), gained)
    spread_of_images = np.std((hits / unions).mean(axis=1)) / 40**0.5
    assert difference.error < spread_of_images / 5
    assert difference.is_above(3)
    assert not difference.is_below(3)
    assert paired_difference(gained, score(hits, unions)).is_below(3)


def test_classes_that_no_drawn_image_shows_are_left_out():
    hits, unions = np.array([[5, 0], [4, 3]]), np.array([[10, 0], [10, 6]])
    found = paired_difference(score(hits, unions), score(hits, unions))
    assert found == Difference(0.0, 0.0)


def test_scores_of_other_images_are_refused():
    with pytest.raises(ValueError, match="one of 3 images and one of 4 images"):
        paired_difference(score(*counts(3, 0)), score(*counts(4, 0)))
    with pytest.raises(ValueError, match="one without counts by image"):
        paired_difference(Score(0.5), score(*counts(4, 0)))
