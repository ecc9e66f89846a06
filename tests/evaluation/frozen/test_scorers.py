"""Scores over images."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from slotcon_mm.evaluation.frozen.grids import Grid
from slotcon_mm.evaluation.frozen.scorers import ImageScorer, MapScorer, Score
from slotcon_mm.evaluation.matching import match_majority

IMAGES = 5


def grid(position: int) -> Grid:
    labels = np.random.default_rng(position).choice(np.array([0, 1, 2, 255], np.uint8), (4, 6))
    return Grid(position, torch.zeros(1, 1, 1), None, labels, None)


def guess(grid: Grid) -> np.ndarray:
    return np.random.default_rng((7, grid.position)).integers(3, size=grid.labels.shape)


def iou_in_loops() -> list[float]:
    found = []
    for label in range(3):
        hits = union = 0
        for position in range(IMAGES):
            image = grid(position)
            for guessed, true in zip(guess(image).ravel(), image.labels.ravel(), strict=True):
                if true != 255:
                    hits += guessed == true == label
                    union += label in (guessed, true)
        found.append(hits / union)
    return found


def map_score(positions: range) -> Score:
    scorer = MapScorer(guess, 3, 3, lambda confusion: np.arange(3))
    for position in positions:
        scorer.add(grid(position))
    return scorer.score()


def image_score(positions: range) -> Score:
    scorer = ImageScorer(lambda image: None if image.position == 2 else 0.1 * 3**image.position)
    for position in positions:
        scorer.add(grid(position))
    return scorer.score()


def test_miou_is_over_all_pixels_of_all_images_without_void():
    found = map_score(range(IMAGES))
    assert found.classes == pytest.approx(iou_in_loops())
    assert found.value == pytest.approx(sum(iou_in_loops()) / 3)


def test_a_class_in_neither_labels_nor_predictions_is_nan_and_not_in_the_mean():
    scorer = MapScorer(lambda image: np.zeros(image.labels.shape, int), 3, 3, lambda confusion: np.arange(3))
    scorer.add(grid(0)._replace(labels=np.array([[0, 0, 1]], np.uint8)))
    found = scorer.score()
    assert found.classes[:2] == pytest.approx((2 / 3, 0))
    assert math.isnan(found.classes[2])
    assert found.value == pytest.approx(1 / 3)


def test_groups_are_matched_by_all_images_together():
    scorer = MapScorer(lambda image: np.array([[0, 1]]), 2, 2, match_majority)
    for labels in ([[0, 1]], [[1, 1]], [[1, 1]]):
        scorer.add(grid(0)._replace(labels=np.array(labels, np.uint8)))
    assert scorer.score().value == pytest.approx((0 + 5 / 6) / 2)


def test_the_mean_is_over_the_images_that_have_a_number_and_nan_where_none_has():
    assert image_score(range(IMAGES)).value == pytest.approx((0.1 + 0.3 + 2.7 + 8.1) / 4)
    assert math.isnan(image_score(range(2, 3)).value)
    assert image_score(range(IMAGES)).classes == ()


def test_a_score_may_be_asked_for_again():
    scorer = MapScorer(guess, 3, 3, lambda confusion: np.arange(3))
    scorer.add(grid(0))
    assert scorer.score() == scorer.score()
