"""Scores of groups, counted by hand and by loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotcon_mm.evaluation import confusion_matrix, match_one_to_one, score_matched

matrices = st.integers(1, 5).flatmap(
    lambda groups: st.integers(1, 4).flatmap(
        lambda classes: st.lists(
            st.lists(st.integers(0, 50), min_size=classes, max_size=classes), min_size=groups, max_size=groups
        )
    )
)


def test_a_confusion_matrix_counts_pixels_and_leaves_ignored_ones_out():
    groups = np.array([[0, 1, 1], [2, 2, 0]])
    labels = np.array([[0, 0, 1], [1, 255, 0]], np.uint8)
    assert confusion_matrix(groups, labels, 3, 2).tolist() == [[2, 0], [1, 1], [0, 1]]


@given(matrices)
def test_the_matching_keeps_as_many_pixels_as_any_one_to_one_matching(rows):
    confusion = np.array(rows)
    matched = match_one_to_one(confusion)
    kept = sum(confusion[g, c] for g, c in enumerate(matched) if c >= 0)
    taken = [c for c in matched if c >= 0]
    assert len(taken) == len(set(taken)) == min(confusion.shape)
    groups, classes = confusion.shape
    small, large, table = (groups, classes, confusion) if groups <= classes else (classes, groups, confusion.T)
    assert kept == max(
        sum(table[i, p] for i, p in enumerate(order)) for order in itertools.permutations(range(large), small)
    )


def test_perfect_groups_under_other_names_score_one():
    scores = score_matched(np.array([[0, 7], [5, 0]]), match_one_to_one(np.array([[0, 7], [5, 0]])))
    assert scores.mean_iou == scores.pixel_accuracy == 1


def test_scores_equal_those_counted_pixel_by_pixel():
    rng = np.random.default_rng(0)
    groups, labels = rng.integers(0, 4, 300), rng.integers(0, 3, 300)
    confusion = confusion_matrix(groups, labels, 4, 3)
    matched = match_one_to_one(confusion)
    predicted = matched[groups]
    ious = [np.sum((predicted == c) & (labels == c)) / np.sum((predicted == c) | (labels == c)) for c in range(3)]
    scores = score_matched(confusion, matched)
    np.testing.assert_allclose(scores.class_iou, ious)
    assert scores.mean_iou == pytest.approx(np.mean(ious))
    assert scores.pixel_accuracy == pytest.approx(np.mean(predicted == labels))


def test_pixels_of_unmatched_groups_are_errors_in_both_scores():
    scores = score_matched(np.array([[6, 0], [0, 2], [4, 0]]), np.array([0, 1, -1]))
    assert scores.class_iou.tolist() == [0.6, 1]
    assert scores.pixel_accuracy == pytest.approx(8 / 12)


def test_a_class_that_nowhere_occurs_is_left_out_of_the_mean():
    scores = score_matched(np.array([[4, 0, 0], [0, 4, 0]]), np.array([0, 1]))
    assert np.isnan(scores.class_iou[2])
    assert scores.mean_iou == 1


@pytest.mark.parametrize(
    ("groups", "labels", "message"),
    [
        (np.zeros((2, 2), int), np.zeros((2, 3), int), "one shape"),
        (np.array([3]), np.array([0]), "from 0 to 2, got 3 to 3"),
        (np.array([-1]), np.array([0]), "from 0 to 2, got -1"),
    ],
)
def test_bad_input_is_refused(groups, labels, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(groups, labels, 3, 2)
