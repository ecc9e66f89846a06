"""Scores of networks whose worth is known, and what must not change them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from labeled_worlds import (
    CELL,
    CLASSES,
    LABEL_SET,
    Colors,
    Constant,
    Worlds,
    bands,
    network,
    noise,
    rotation,
    speckled,
    stained,
)

from slotcon_mm.datasets.label_sets import label_set_of
from slotcon_mm.evaluation.frozen.evaluate import Choices, evaluate_network, things_of
from slotcon_mm.evaluation.frozen.grids import Reading
from slotcon_mm.evaluation.frozen.measures import MEASURES
from slotcon_mm.evaluation.frozen.parts import LabeledParts
from slotcon_mm.models.necks.grouping_neck import GroupingNeck

ALL, OF_LABELS = tuple(MEASURES), ("knn", "retrieval", "probe")
READING = Reading(size=32)


def choices(*measures: str, **others) -> Choices:
    return Choices(**{"measures": measures or ALL, "reading": READING, "pixels": 3000, "memory": 3000, **others})


def scores(net, parts: LabeledParts, chosen: Choices) -> dict[str, float]:
    return {name: found[0].value for name, found in evaluate_network(net, parts, chosen).items()}


def banded(**others) -> LabeledParts:
    return LabeledParts(bands(8, seed=0), bands(6, seed=1, **others), LABEL_SET)


def test_features_equal_to_labels_score_100_in_every_measure():
    found = evaluate_network(network(Colors()), banded(), choices())
    assert {name: score[0].value for name, score in found.items()} == dict.fromkeys(ALL, 1.0)
    assert all(found[name][0].classes == (1.0,) * CLASSES for name in ALL[:5])


def test_features_equal_to_labels_pixel_by_pixel_score_100_whatever_their_shapes_and_sizes():
    parts = LabeledParts(speckled(6, seed=0), speckled(5, seed=1), LABEL_SET)
    names = ("knn", "retrieval", "probe", "kmeans", "kmeans-x5")
    assert scores(network(Colors(1)), parts, choices(*names)) == dict.fromkeys(names, 1.0)


class FromPrototypes(GroupingNeck):
    """Prototypes that are the classes' own features."""

    def __init__(self) -> None:
        super().__init__(CLASSES + 3, 4, CLASSES + 3, CLASSES)
        self.prototypes = torch.nn.Parameter(torch.eye(CLASSES, CLASSES + 3))

    def project(self, features: torch.Tensor) -> torch.Tensor:
        return features.float()


def test_prototypes_equal_to_labels_score_100_in_finding_objects_and_clusters_are_not_needed():
    parts = LabeledParts(bands(1), bands(3, seed=1), LABEL_SET)
    found = scores(network(Colors(), neck=FromPrototypes().eval()), parts, choices("discovery", "fg-ari", pixels=1))
    assert found == {"discovery": 1.0, "fg-ari": 1.0}


class Unasked(FromPrototypes):
    def forward(self, *maps: torch.Tensor) -> None:  # type: ignore[override]
        raise AssertionError("scores that no measure uses")


def test_prototypes_are_left_alone_where_no_measure_uses_them():
    found = scores(network(Colors(), neck=Unasked().eval()), banded(), choices("knn", "kmeans"))
    assert found == {"knn": 1.0, "kmeans": 1.0}


def mixed() -> LabeledParts:
    """Cells of more than one color, so that scores lie between chance and 100."""
    return LabeledParts(stained(6, seed=0), stained(5, seed=1), LABEL_SET)


def on_mixed(backbone: torch.nn.Module | None = None, **others) -> dict[str, float]:
    names = tuple(name for name in ALL if name != "fg-ari")
    return scores(network(backbone or Colors(CELL, spread=0.3)), mixed(), choices(*names, **others))


def test_these_scores_lie_between_chance_and_100():
    assert all(0.25 < value < 0.9 for value in on_mixed().values()), on_mixed()


def test_a_rotation_of_the_feature_space_changes_nothing():
    """To rounding: a pixel in thousands may lie on the border between two classes."""
    turned = on_mixed(backbone=Colors(CELL, rotation(CLASSES + 3, 2), spread=0.3))
    for name, value in on_mixed().items():
        assert turned[name] == pytest.approx(value, abs=2e-3), name


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_the_batch_changes_nothing(batch_size):
    assert on_mixed(reading=Reading(32, batch_size)) == on_mixed()


def test_workers_change_nothing():
    assert on_mixed(reading=Reading(32, 4, workers=2)) == on_mixed()


def test_the_order_of_held_out_images_changes_nothing():
    data = mixed()
    reversed_images = data._replace(held_out=Worlds(data.held_out.samples[::-1]))
    assert scores(network(Colors(CELL, spread=0.3)), reversed_images, choices(*OF_LABELS)) == {
        name: on_mixed()[name] for name in OF_LABELS
    }


def test_the_order_of_training_images_changes_nothing_where_all_pixels_are_kept():
    data = mixed()
    turned_over = data._replace(train=Worlds(data.train.samples[::-1]))
    found = scores(network(Colors(CELL, spread=0.3)), turned_over, choices(*OF_LABELS))
    assert found == pytest.approx({name: on_mixed()[name] for name in OF_LABELS}, abs=1e-3)


def test_scores_of_a_seed_do_not_depend_on_the_other_seeds_or_measures():
    together = evaluate_network(network(Colors(CELL, spread=0.3)), mixed(), choices("knn", "kmeans", seeds=(0, 1, 2)))
    for seed in (0, 1, 2):
        for name in ("knn", "kmeans"):
            alone = scores(network(Colors(CELL, spread=0.3)), mixed(), choices(name, seeds=(seed,)))
            assert together[name][seed].value == alone[name]


def test_an_evaluation_draws_no_random_number_of_the_process():
    state, of_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()
    on_mixed(augmentation_epochs=2)
    assert torch.get_rng_state().equal(state)
    assert np.array_equal(np.random.get_state()[1], of_numpy)


def test_random_features_score_by_chance():
    """Of C classes alike in size, guesses that do not depend on the label have an IoU of at most 1 / (2 C - 1).

    A class that is guessed with the share p has p q / (p + q - p q) with q = 1 / C, which is concave in p: its mean is
    largest where all are guessed alike. The 1,024 cells of 16 images add a sampling error of about 0.01 to a mean;
    clusters take the best of the 24 ways to name them, which adds a few of these; and the majority among the 50 cells
    of each of 20 clusters has a third of them rather than a quarter.
    """
    parts = LabeledParts(noise(16, seed=0), noise(16, seed=1), LABEL_SET)
    found = scores(
        network(Colors(CELL, spread=1.0)), parts, choices("knn", "retrieval", "probe", "kmeans", "kmeans-x5")
    )
    chance = 1 / (2 * CLASSES - 1)
    for name in OF_LABELS:
        assert found[name] < chance + 0.03, name
        assert found[name] > 1 / CLASSES**2 - 0.03, name
    assert found["kmeans"] < chance + 0.05
    assert found["kmeans-x5"] < 1 / 3 / (2 - 1 / 3) + 0.02


@pytest.mark.parametrize("ripple", [0.0, 1e-6])
def test_collapsed_features_score_as_one_class_everywhere(ripple):
    """A quarter of the pixels for one of four classes; an image's one group is the best of each of four classes."""
    found = scores(network(Constant(ripple)), banded(), choices())
    if ripple == 0:
        assert found == {
            **dict.fromkeys(ALL, 1 / CLASSES**2), "discovery": pytest.approx(1 / CLASSES), "fg-ari": 0,
        }  # fmt: skip
    assert all(0 <= value <= 1 for value in found.values())


def test_an_augmented_memory_grows_by_other_patches_and_the_first_epoch_is_the_pixels_own():
    data = mixed()
    one, three = (
        evaluate_network(
            network(Colors(CELL, spread=0.3)), data, choices("knn", "retrieval", augmentation_epochs=epochs)
        )
        for epochs in (1, 3)
    )
    assert one["knn"] == three["knn"]
    assert one["retrieval"] != three["retrieval"]


def test_objects_are_the_things_of_a_label_set_or_all_but_a_background():
    assert things_of(label_set_of(dict(classes=("sky", "cat", "dog"), things=("cat", "dog")))) == (1, 2)
    assert things_of(label_set_of(dict(classes=("Background", "cat", "dog")))) == (1, 2)
    assert things_of(LABEL_SET) == (0, 1, 2, 3)


def test_held_out_images_without_objects_have_no_score_of_objects():
    parts = LabeledParts(bands(2), bands(2), label_set_of(dict(classes=("black", "red", "green", "blue"))))
    without = Worlds([{**sample, "gt_instances": np.zeros((32, 32), np.int32)} for sample in parts.held_out.samples])
    assert math.isnan(scores(network(Colors()), parts._replace(held_out=without), choices("fg-ari"))["fg-ari"])


def test_clusters_are_found_without_a_look_at_labels():
    data = banded()
    for sample in data.held_out.samples:
        sample["gt_instances"] = np.arange(32 * 32, dtype=np.int32).reshape(32, 32) // 128
    void = Worlds([{**sample, "gt_sem_seg": np.full((32, 32), 255, np.uint8)} for sample in data.held_out.samples])
    seen, unseen = (
        scores(network(Colors(CELL, spread=0.3)), data._replace(held_out=held_out), choices("fg-ari"))["fg-ari"]
        for held_out in (data.held_out, void)
    )
    assert seen == unseen
    assert math.isfinite(seen)


def test_what_cannot_be_measured_is_refused_in_words():
    net, parts = network(Colors()), banded()
    for wrong, message in [
        (choices("knn", "nothing"), "expected measures of knn, retrieval, .*, got nothing"),
        (choices("knn", pixels=0), "expected pixels above 0, got 0"),
        (choices("knn", memory=-1), "expected memory above 0, got -1"),
        (choices("knn", augmentation_epochs=0), "expected augmentation_epochs above 0, got 0"),
        (choices("knn", reading=Reading(32, 0)), "expected batch_size above 0, got 0"),
        (choices("knn", reading=Reading(-5)), "expected size above 0, got -5"),
        (choices("knn", seeds=()), "expected seeds above 0, got 0"),
        (choices("retrieval", memory=7), "memory of at least 8 patches for 8 images and 1 augmentation epochs, got 7"),
    ]:
        with pytest.raises(ValueError, match=message):
            evaluate_network(net, parts, wrong)
    for part, message in (("train", "expected training images, got none"), ("held_out", "held-out images, got none")):
        with pytest.raises(ValueError, match=message):
            evaluate_network(net, parts._replace(**{part: Worlds([])}), choices("knn"))
    with pytest.raises(ValueError, match="held-out images with instances for fg-ari, got label maps only"):
        evaluate_network(net, mixed(), choices("knn", "fg-ari"))
    void = Worlds([{**sample, "gt_sem_seg": np.full((32, 32), 255, np.uint8)} for sample in parts.train.samples])
    for name in OF_LABELS:
        with pytest.raises(ValueError, match="expected images with labels, got none with a labeled pixel"):
            evaluate_network(net, parts._replace(train=void), choices(name))
