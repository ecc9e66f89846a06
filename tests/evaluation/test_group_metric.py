"""The score of groups: by hand, against another implementation, and on any number of processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import run_on_two_processes
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from slotcon_mm.datasets.label_sets import LABEL_SETS
from slotcon_mm.evaluation import GroupMetric

CLASSES = 21  # of voc-21


def sample(groups: np.ndarray, labels: np.ndarray, prototypes: int = CLASSES) -> dict:
    directions = torch.eye(prototypes)
    return dict(group_map=torch.as_tensor(groups), gt_sem_seg=torch.as_tensor(labels), prototypes=directions)


def score(samples: list[dict], **kwargs: object) -> dict[str, float]:
    metric = GroupMetric("voc-21", **kwargs)
    for item in samples:
        metric.process(None, [item])
    return metric.evaluate(len(samples))


def published_scores(confusion_true_predicted: np.ndarray) -> tuple[float, float]:
    """PiCIE's and STEGO's two formulas, written once more from their description: maximize matched pixels, order
    clusters by class, IoU = tp / (tp + fp + fn) averaged without NaN, accuracy = matched / counted."""
    true, predicted = linear_sum_assignment(confusion_true_predicted.max() - confusion_true_predicted)
    ordered = confusion_true_predicted[:, predicted[np.argsort(true)]]
    tp = np.diag(ordered).astype(float)
    with np.errstate(invalid="ignore"):
        iou = tp / (ordered.sum(axis=0) + ordered.sum(axis=1) - tp)
    return 100 * float(np.nanmean(iou)), 100 * float(tp.sum() / ordered.sum())


@given(st.integers(0, 2**32 - 1), st.integers(1, CLASSES), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_one_to_one_scores_equal_the_published_formulas(seed, classes, agreement):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, (3, 12, 12))
    renamed = rng.permutation(CLASSES)
    groups = np.where(rng.random(labels.shape) < agreement, renamed[labels], rng.integers(0, CLASSES, labels.shape))
    found = score([sample(g, c) for g, c in zip(groups, labels, strict=True)])
    table = np.zeros((CLASSES, CLASSES), int)
    np.add.at(table, (labels.ravel(), groups.ravel()), 1)
    mean_iou, accuracy = published_scores(table)
    assert found["pAcc"] == pytest.approx(accuracy)
    # several matchings may keep as many pixels; where there is one, the IoUs agree too
    if agreement > 0.9:
        assert found["mIoU"] == pytest.approx(mean_iou)


def test_matching_is_over_all_images_not_each():
    """In the second image alone, group 1 would be class 2."""
    first = sample(np.array([[0, 0, 1, 1, 1]]), np.array([[5, 5, 1, 1, 1]]))
    second = sample(np.array([[1, 1, 0, 0, 0]]), np.array([[2, 2, 5, 5, 5]]))
    found = score([first, second])
    # group 0 is class 5: 5 of 5; group 1 is class 1: 3 hits of 5 pixels; class 2 is missed
    assert found["pAcc"] == pytest.approx(100 * 8 / 10)
    assert found["mIoU"] == pytest.approx(100 * (1 + 3 / 5 + 0) / 3)


def test_unlabeled_pixels_do_not_count():
    found = score([sample(np.array([[0, 0, 3]]), np.array([[4, 4, 255]]))])
    assert found["pAcc"] == found["mIoU"] == 100


def test_thing_and_stuff_parts_are_by_class():
    """Background is VOC's only stuff; group 20 stands for it although 20 is a thing's number."""
    found = score([sample(np.array([[20, 20, 20, 0, 0]]), np.array([[0, 0, 0, 0, 7]]))])
    assert found["pAcc_stuff"] == pytest.approx(75)
    assert found["mIoU_stuff"] == pytest.approx(75)
    assert found["pAcc_things"] == pytest.approx(100)
    assert found["mIoU_things"] == pytest.approx(50)


def test_prototypes_left_over_are_errors_in_both_measures():
    groups = np.array([[0, 0, 0, 22]])  # 22 of 23 prototypes has fewer pixels of class 1 than 0 has
    found = score([sample(groups, np.ones((1, 4), int), prototypes=23)], clusters="one-to-one")
    assert found["pAcc"] == found["mIoU"] == 75


def test_many_to_one_takes_each_groups_majority():
    found = score([sample(np.array([[0, 0, 22, 22]]), np.ones((1, 4), int), prototypes=23)], clusters="many-to-one")
    assert found["pAcc"] == found["mIoU"] == 100


def test_identity_takes_a_groups_number_for_its_class():
    assert score([sample(np.array([[2, 3]]), np.array([[2, 4]]))], clusters="identity")["pAcc"] == 50


def test_kmeans_merges_prototypes_that_point_the_same_way():
    """42 prototypes, two almost alike for each class; perfect once merged, half at best without."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(CLASSES), 8)[None]
    groups = labels + CLASSES * (np.arange(labels.size) % 2)
    item = sample(groups, labels, prototypes=2 * CLASSES)
    item["prototypes"] = torch.as_tensor(np.tile(np.eye(CLASSES), (2, 1)) + 0.01 * rng.random((2 * CLASSES, CLASSES)))
    assert score([item])["pAcc"] == 100
    assert score([item], clusters="one-to-one")["pAcc"] == 50


def test_every_choice_stands_beside_the_result():
    metric = GroupMetric("voc-21")
    metric.dataset_meta = dict(subset="curated")
    metric.process(None, [sample(np.zeros((320, 320), int), np.zeros((320, 320), int))])
    line = metric.describe(21, "one-to-one")
    for choice in ("voc-21", "subset curated", "320 x 320", "K = 21", "clusters one-to-one", "21 classes"):
        assert choice in line


def images(count: int = 7) -> list[dict]:
    rng = np.random.default_rng(1)
    return [sample(rng.integers(0, CLASSES, (5, 6)), rng.integers(0, 9, (5, 6))) for _ in range(count)]


def score_half(rank: int, indices: list[list[int]]) -> dict[str, float]:
    metric = GroupMetric("voc-21")
    for index in indices[rank]:
        metric.process(None, [images()[index]])
    return metric.evaluate(7)


@pytest.mark.parametrize("indices", [[[0, 2, 4, 6], [1, 3, 5]], [[0, 1, 2, 3, 4, 5, 6], []]])
def test_two_processes_score_seven_images_as_one_does(tmp_path: Path, indices):
    alone = score(images())
    assert run_on_two_processes(score_half, tmp_path, indices) == [alone, alone]


def test_a_sampler_that_repeats_images_is_refused():
    metric = GroupMetric("voc-21")
    for item in [*images(7), images(1)[0]]:
        metric.process(None, [item])
    with pytest.raises(ValueError, match=r"each of the 7 images once, got 8.*round_up=False"):
        metric.evaluate(7)


def test_a_second_evaluation_starts_at_nothing():
    metric = GroupMetric("voc-21")
    for _ in range(2):
        metric.process(None, [sample(np.array([[0]]), np.array([[1]]))])
        assert metric.evaluate(1)["pAcc"] == 100


@pytest.mark.parametrize(("kwargs", "message"), [(dict(label_set="x"), "label set of"), (dict(clusters="y"), "got y")])
def test_unknown_choices_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        GroupMetric(**{"label_set": "voc-21", **kwargs})


def test_the_classes_are_the_datasets_where_none_are_given():
    metric = GroupMetric()
    metric.dataset_meta = dict(classes=("sky", "dog"), things=("dog",), label_set="a.json", subset="all")
    metric.process(None, [sample(np.array([[1, 1, 0, 1]]), np.array([[0, 0, 1, 1]]), prototypes=2)])
    assert metric.describe(2, "one-to-one").startswith("a.json: subset all")
    found = metric.evaluate(1)
    assert found["pAcc"] == 75
    assert found["pAcc_things"] == 50
    with pytest.raises(ValueError, match=r"GroupMetric\(label_set=...\), or a dataset that has one"):
        GroupMetric().process(None, [sample(np.array([[0]]), np.array([[0]]))])


def test_other_classes_than_the_datasets_are_refused():
    metric = GroupMetric("voc-21")
    metric.dataset_meta = dict(classes=("sky", "dog"))
    with pytest.raises(ValueError, match=r"the classes of the dataset, sky, dog, in GroupMetric, got background"):
        metric.process(None, [sample(np.array([[0]]), np.array([[0]]))])


def test_a_label_set_that_is_given_as_a_dict_scores_as_the_preset_does():
    preset = LABEL_SETS["voc-21"]
    own = dict(classes=preset.names, values=[*range(21)], things=preset.names[1:])
    metric = GroupMetric(own)
    for item in images():
        metric.process(None, [item])
    assert metric.evaluate(7) == score(images())
