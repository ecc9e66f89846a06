"""Label sets as dicts: what they mean, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import Config, ConfigDict

from slotcon_mm.datasets.label_sets import IGNORED, LABEL_SETS, LabelSet, label_set_of

AB = dict(classes=("a", "b"))
# values of the classes as IIC grouped them, from the published table, without the ids that are never drawn
ANIMALS, VEHICLES = [*range(15, 25)], [*range(1, 9)]


def as_dict(label_set: LabelSet) -> dict:
    """A preset's meaning, read off value by value."""
    known = np.flatnonzero(label_set.is_known())
    values = [[int(v) for v in known if label_set.table[v] == number] for number in range(len(label_set.names))]
    things = [name for name in label_set.names if name in label_set.things]
    return dict(classes=[*label_set.names], values=values, ignore=[*label_set.void], things=things)


@pytest.mark.parametrize("name", LABEL_SETS)
@pytest.mark.parametrize("form", [dict, ConfigDict, lambda d: Config(dict(a=d)).a])
def test_a_preset_that_is_given_as_a_dict_is_the_preset(name, form):
    preset = LABEL_SETS[name]
    found = label_set_of(form(as_dict(preset)))
    known = preset.is_known()
    assert (found.is_known() == known).all()
    assert (found.table[known] == preset.table[known]).all()
    assert (found.names, found.things, set(found.void)) == (preset.names, preset.things, set(preset.void))


def test_coco_animals_and_vehicles_by_hand_are_those_of_the_preset():
    found = label_set_of(dict(classes=("animal", "vehicle"), values=dict(animal=ANIMALS, vehicle=VEHICLES)))
    coco = LABEL_SETS["coco-stuff-27"]
    for name in found.names:
        assert ((found.table == found.names.index(name)) == (coco.table == coco.names.index(name))).all()


def test_without_values_classes_are_numbered_and_255_does_not_count():
    found = label_set_of(AB)
    assert found.table.tolist() == [0, 1, *[IGNORED] * 254]
    assert np.flatnonzero(found.is_known()).tolist() == [0, 1, 255]
    assert not found.things


@given(st.lists(st.lists(st.integers(0, 254), min_size=1, max_size=3), min_size=1, max_size=20))
def test_values_are_those_of_their_class_in_any_form(values):
    flat = [value for own in values for value in own]
    if len(set(flat)) < len(flat):
        return
    names = [f"class {i}" for i in range(len(values))]
    forms = values, tuple(map(tuple, values)), dict(zip(names, values, strict=True))
    for form in (*forms, [own[0] if len(own) == 1 else own for own in values]):
        found = label_set_of(dict(classes=names, values=form))
        assert all(found.table[value] == i for i, own in enumerate(values) for value in own)
        assert (found.table != IGNORED).sum() == len(flat)


def test_nothing_may_be_ignored_so_that_255_is_a_class():
    found = label_set_of(dict(AB, values=[0, 255], ignore=()))
    assert found.table[[0, 255]].tolist() == [0, 1]
    assert found.is_known().sum() == 2


def test_colors_have_two_spellings_and_ignored_ones_three():
    found = label_set_of(dict(AB, palette=[(1, 2, 3), "#0a0B0c"], ignore=["#ffffff", (9, 9, 9)]))
    assert found.colors.tolist() == [[1, 2, 3], [10, 11, 12]]
    assert found.void_colors.tolist() == [[255, 255, 255], [9, 9, 9]]
    for ignore, colors in ((255, [[255] * 3]), ((0, 255), [[0] * 3, [255] * 3]), ([224, 224, 192], [[224, 224, 192]])):
        found = label_set_of(dict(AB, palette=[(1, 2, 3), "#0a0b0c"], ignore=ignore))
        assert found.void_colors.tolist() == colors
    assert len(label_set_of(dict(AB, palette=[(1, 2, 3), "#ffffff"])).void_colors) == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (dict(AB, names=1), "with the keys classes, values, palette, ignore, things, got names"),
        (dict(), r"expected classes=\('name', 'name', ...\) of a label set, got None"),
        (dict(classes="ab"), "got 'ab'"),
        (dict(classes=["a", 1]), r"got \['a', 1\]"),
        (dict(classes=["a", " "]), r"got \['a', ' '\]"),
        (dict(classes=["a", "b", "a"]), r"each class once, got a twice: .* values=\[0, \(1, 2\)"),
        (dict(classes=[str(i) for i in range(256)]), "at most 255 classes, got 256"),
        (dict(AB, values=[0]), "values of 2 classes, got 1"),
        (dict(AB, values=[]), "values of 2 classes, got"),
        (dict(AB, values=7), "values of 2 classes, got 7"),
        (dict(AB, values=[0, 256]), "values of 'b' to be integers from 0 to 255, got 256"),
        (dict(AB, values=[-1, 0]), "values of 'a' to be integers from 0 to 255, got -1"),
        (dict(AB, values=[0, 1.0]), "got 1.0"),
        (dict(AB, values=[False, True]), "got False"),
        (dict(AB, values=[0, []]), r"values of 'b' .* got \[\]"),
        (dict(AB, values=[0, (1, 0)]), "a value of one class, got 0 of 'a' and 'b'"),
        (dict(AB, values=[0, 255]), "got 255 as both, of 'b': set ignore"),
        (dict(AB, ignore=0), "got 0 as both, of 'a'"),
        (dict(AB, ignore="0"), "ignore to be integers from 0 to 255, got '0'"),
        (dict(AB, values=dict(a=0)), "values of each class, got none of b"),
        (dict(AB, values=dict(a=0, b=1, c=2)), "got some of c, which are no classes"),
        (dict(AB, things=("a", "c")), "things among the classes a, b, got c"),
        (dict(AB, things="a"), "things to be names of classes, got 'a'"),
        (dict(AB, values=[0, 1], palette=[(0, 0, 0), (1, 1, 1)]), "values or palette of a label set, got both"),
        (dict(AB, palette=[(0, 0, 0)]), "a palette of 2 colors, one a class, got 1"),
        (dict(AB, palette=[(0, 0, 0), (0, 0, 256)]), r"a color of 'b' as \(r, g, b\) .* got \(0, 0, 256\)"),
        (dict(AB, palette=[(0, 0, 0), "#12"]), "'#rrggbb', got '#12'"),
        (dict(AB, palette=[(0, 0, 0), "#000000"]), r"a color of one class, got \(0, 0, 0\) of 'a' and 'b'"),
        (dict(AB, palette=["#000000", "#ffffff"], ignore=255), r"got \(255, 255, 255\) as both, of 'b'"),
        (dict(AB, palette=["#000000", "#010101"], ignore="red"), "a color to ignore .* got 'red'"),
        (("a", "b"), "expected a label set of coco-stuff-27"),
        (None, r"expected a label set of coco-stuff-27.* label_set=dict\(classes=.*--classes FILE"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_the_value(given, message):
    with pytest.raises(ValueError, match=message):
        label_set_of(given)


def test_a_label_set_is_taken_as_it_is():
    assert label_set_of(LABEL_SETS["voc-21"]) is LABEL_SETS["voc-21"]
