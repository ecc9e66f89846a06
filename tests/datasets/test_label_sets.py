"""What the values of label maps mean."""

from __future__ import annotations

import numpy as np
import pytest

from slotcon_mm.datasets.label_sets import IGNORED, LABEL_SETS, classes_of

COCO = LABEL_SETS["coco-stuff-27"]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (0, "person"), (1, "vehicle"), (9, "outdoor"), (15, "animal"), (31, "accessory"), (37, "sports"),
        (51, "food-thing"), (61, "furniture-thing"), (71, "electronic"),
        (78, "appliance"), (84, "indoor"), (45, "kitchen"), (156, "sky"), (148, "ground"), (177, "water"),
        (123, "plant"),
        (168, "plant"), (170, "wall"), (179, "window"), (101, "ceiling"),
    ],
)  # fmt: skip
def test_coco_stuff_ids_fall_into_the_published_classes(value, name):
    found = COCO.table[value]
    assert found != IGNORED
    assert COCO.names[found] == name


def test_coco_stuff_counts_182_ids_in_27_classes_as_the_published_table_does():
    sizes = np.bincount(COCO.table[:182], minlength=27)
    assert sizes.tolist() == [6, 6, 10, 10, 8, 8, 8, 10, 6, 1, 10, 8, 2, 6, 4, 11, 4, 11, 7, 2, 6, 11, 9, 2, 6, 5, 5]
    assert (COCO.table[182:] == IGNORED).all()
    assert COCO.is_thing().tolist() == [True] * 12 + [False] * 15


def test_cityscapes_is_labelids_7_to_33():
    table = LABEL_SETS["cityscapes-27"].table
    assert table[7:34].tolist() == list(range(27))
    assert (table[:7] == IGNORED).all()
    assert (table[34:] == IGNORED).all()


def test_voc_and_ade20k_ignore_what_is_unlabeled():
    assert LABEL_SETS["voc-21"].table[[0, 20, 21, 255]].tolist() == [0, 20, IGNORED, IGNORED]
    assert LABEL_SETS["ade20k-150"].table[[0, 1, 150, 151]].tolist() == [IGNORED, 0, 149, IGNORED]


@pytest.mark.parametrize("label_set", LABEL_SETS.values(), ids=LABEL_SETS)
def test_every_class_has_a_value(label_set):
    assert set(range(len(label_set.names))) == set(label_set.table.tolist()) - {IGNORED}
    assert label_set.things <= set(label_set.names)


def test_files_of_171_classes_are_refused_with_the_reason():
    labels = np.array([[0, 11, 170]], np.uint8)  # 11 is a stop sign there, and never drawn in the original
    with pytest.raises(ValueError, match=r"rather than mmseg's files of 171 classes.*got the value 11"):
        classes_of(labels, COCO)


@pytest.mark.parametrize(
    ("name", "values", "strange"),
    [
        ("voc-21", "0 to 20, 255", 21), ("cityscapes-27", "0 to 33, 255", 34), ("ade20k-150", "0 to 150, 255", 151),
        ("scenes", "0 to 18, 255", 100), ("coco-stuff-27", "0 to 10, 12 to 24, 26 to 27", 182),
    ],
)  # fmt: skip
def test_a_value_that_is_no_class_and_not_void_is_refused_with_those_that_are(name, values, strange):
    with pytest.raises(ValueError, match=rf"with the values {values}.*, got the value {strange}"):
        classes_of(np.array([[0, strange, 255]], np.uint8), LABEL_SETS[name])


@pytest.mark.parametrize("labels", [np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint16)])
def test_other_kinds_of_files_are_refused(labels):
    with pytest.raises(ValueError, match="8-bit label map of one channel"):
        classes_of(labels, COCO)
