"""What the tour learns from and is scored on."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from slotcon_mm.datasets.scenes.objects import THINGS
from slotcon_mm.datasets.splits import split_at_random
from slotcon_mm.quickstart import material
from slotcon_mm.quickstart.material import GivenLabels, own_images, own_labeled_images

CLASSES = dict(classes=("dark", "bright"), values=[0, 7])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten images, each of one gray that is its number's, five of them in train/ and five in val/; all are labeled."""
    for number in range(10):
        place = f"{'train' if number < 5 else 'val'}/{number}"
        for kind, values in (("images", np.full((30, 40, 3), 20 * number, np.uint8)), ("labels", labels_of(number))):
            (tmp_path / kind / place).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / kind / f"{place}.png"), values)
    return tmp_path


def labels_of(number: int) -> np.ndarray:
    """One class; none at all in the first two."""
    return np.full((30, 40), 255 if number < 2 else 7 * (number % 2), np.uint8)


def numbers_of(images: np.ndarray) -> list[int]:
    return [int(image[0, 0, 0]) // 20 for image in images]


def test_some_are_held_out_at_random_and_the_others_train(folder):
    given = GivenLabels(str(folder / "labels"), CLASSES)
    found = own_labeled_images(folder / "images", given, seed=4, bit_depth=None)
    places = [f"{'train' if number < 5 else 'val'}/{number}.png" for number in range(10)]
    train, held_out = split_at_random(places, 0.3, 4)
    assert numbers_of(found.shown.images) == held_out
    assert found.shown.images.shape[1:] == (192, 256, 3)
    assert found.read_train is not None
    assert numbers_of(found.read_train().images) == [number for number in train if number >= 2]
    assert found.held_out == "3 of the 10 labeled images, held out at random (seed 4)"
    assert found.classes == ("dark", "bright")


def test_a_folder_can_be_held_out(folder):
    given = GivenLabels(str(folder / "labels"), CLASSES, held_out="val")
    found = own_labeled_images(folder / "images", given, seed=0, bit_depth=None)
    assert numbers_of(found.shown.images) == [5, 6, 7, 8, 9]
    assert found.shown.labels is not None
    assert found.shown.labels[:, 0, 0].tolist() == [1, 0, 1, 0, 1]
    assert found.read_train is not None
    assert numbers_of(found.read_train().images) == [2, 3, 4]
    assert found.held_out == "5 of the 10 labeled images, below val"


def test_of_many_images_some_are_taken_from_the_first_to_the_last(folder, monkeypatch):
    monkeypatch.setattr(material, "NUM_HELD_OUT", 3)
    given = GivenLabels(str(folder / "labels"), CLASSES, held_out="val")
    found = own_labeled_images(folder / "images", given, seed=0, bit_depth=None)
    assert numbers_of(found.shown.images) == [5, 7, 9]


@pytest.mark.parametrize("held_out", ["test", "va", "."])
def test_a_part_that_is_empty_is_refused(folder, held_out):
    given = GivenLabels(str(folder / "labels"), CLASSES, held_out=held_out)
    with pytest.raises(ValueError, match=r"labeled images below .* and elsewhere .* correct --held-out"):
        own_labeled_images(folder / "images", given, seed=0, bit_depth=None)


def test_labels_that_do_not_count_are_no_labels(folder):
    given = GivenLabels(str(folder / "labels"), dict(classes=("a",), values=[1], ignore=[0, 7, 255]))
    with pytest.raises(ValueError, match="expected label maps with classes, got none in all 10 that were looked at"):
        own_labeled_images(folder / "images", given, seed=0, bit_depth=None)


def test_a_json_of_instances_is_labels(scenes):
    given = GivenLabels(str(scenes / "annotations/instances_val2017.json"), None)
    found = own_labeled_images(scenes / "val2017", given, seed=0, bit_depth=None)
    assert found.classes == ("background", *THINGS)
    assert len(found.shown.images) == 2  # of 6
    content = json.loads((scenes / "annotations/instances_val2017.json").read_text())
    present = {annotation["category_id"] for annotation in content["annotations"]}
    assert found.shown.labels is not None
    assert set(np.unique(found.shown.labels)) <= {0, *present}


def test_without_labels_there_are_no_classes(folder):
    found = own_images(folder / "images", None)
    assert found.classes == ()
    assert found.shown.labels is None
    assert found.read_train is None
    assert len(found.shown.images) == 10
