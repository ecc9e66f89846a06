"""What a person writes into ``names.json``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import tiny_slotcon

from slotcon_mm.inference.group_names import GroupNames, fingerprint_of, names_as_text, propose_names, read_names

K, FINGERPRINT = 6, "0123456789abcdef"


def read(tmp_path: Path, content: object) -> GroupNames:
    path = tmp_path / "names.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return read_names(path, K, FINGERPRINT)


def test_equal_names_are_one_category_and_the_rest_is_background(tmp_path):
    found = read(tmp_path, dict(names={"3": "road", "5": " car ", "0": "car", "1": "", "2": "Background"}))
    assert found.categories == ("car", "road")
    assert found.table.tolist() == [1, 0, 0, 2, 0, 1]
    assert found.table.dtype == np.uint8
    assert found.category_map(np.array([[5, 4], [3, 0]])).tolist() == [[1, 0], [2, 1]]


def test_categories_are_in_the_order_of_the_alphabet_whatever_the_files(tmp_path):
    orders = [{"0": "b", "1": "C", "2": "a"}, {"2": "a", "1": "C", "0": "b"}]
    assert [read(tmp_path, dict(names=names)).categories for names in orders] == [("a", "b", "C")] * 2


def test_a_file_written_by_hand_needs_neither_the_number_nor_the_fingerprint_and_may_have_a_byte_order_mark(tmp_path):
    assert read(tmp_path, '\ufeff{"names": {"1": "Straße"}}').categories == ("Straße",)


def test_what_is_written_is_what_is_read(tmp_path):
    found = read(tmp_path, names_as_text({4: "b", 2: 'quoted "name"'}, K, FINGERPRINT))
    assert found.categories == ("b", 'quoted "name"')
    assert found.table.tolist() == [0, 0, 2, 0, 1, 0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "expected JSON such as .* got Expecting property name"),
        (b"\xff\xfe".decode("latin-1"), "expected JSON such as"),
        (["car"], 'expected an object with "names", such as .* got \\["car"\\]'),
        ({"3": "car"}, 'expected an object with "names"'),
        (dict(names={"0": "a"}, name="x"), 'got "name": remove'),
        (dict(prototypes=64, names={"0": "a"}), "the 6 prototypes of these weights, got a file for 64: it belongs to"),
        (dict(fingerprint="x", names={"0": "a"}), 'fingerprint of these weights, 0123456789abcdef, got "x": .* remove'),
        (dict(names={"6": "a"}), 'prototypes from "0" to "5", got "6"'),
        (dict(names={"-1": "a"}), 'got "-1"'),
        (dict(names={"01": "a"}), 'got "01"'),
        (dict(names={"²": "a"}), 'got "²"'),
        (dict(names={"car": [3]}), 'got "car"'),
        (dict(names={"0": 7}), 'a name in quotes for prototype 0, such as "car", got 7'),
        (dict(names={"0": "a\nb"}), "a name of one line for prototype 0"),
        (dict(names={"0": "car", "4": "Car"}), 'got "car" for prototype 0 and "Car" for prototype 4: make them'),
        ('{"names": {"0": "a", "0": "b"}}', 'expected each key once, got "0" again'),
        (dict(names={"0": " "}), "expected a name for at least one prototype, .* got none"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_file_the_value_and_the_fix(tmp_path, content, said):
    with pytest.raises(ValueError, match=rf"names\.json: .*{said}"):
        read(tmp_path, content)


def test_a_file_of_another_encoding_is_refused(tmp_path):
    (tmp_path / "names.json").write_bytes('{"names": {"0": "Straße"}}'.encode("latin-1"))
    with pytest.raises(ValueError, match=r"names\.json: expected JSON such as"):
        read_names(tmp_path / "names.json", K, FINGERPRINT)


def test_weights_are_told_apart_by_the_teachers_prototypes():
    model = tiny_slotcon()
    before = fingerprint_of(model)
    assert fingerprint_of(tiny_slotcon()) == before
    with torch.no_grad():
        model.teacher.neck.prototypes[0, 0] += 1e-3
    assert fingerprint_of(model) != before
    assert len(before) == 16


def test_names_are_proposed_by_the_majority_of_labeled_pixels_and_none_where_there_are_none():
    confusion = np.array([[5, 1, 0], [0, 0, 0], [2, 2, 3]])
    assert propose_names(confusion, ["sky", "dog", "car"]) == {0: "sky", 2: "car"}
    assert propose_names(np.zeros((3, 0), int), ["sky"]) == {}


def test_names_of_any_script_are_taken(tmp_path):
    """Some are spelled with signs of no width, and letters fold in other ways than the page's."""
    names = {"1": "\u0645\u06cc\u200c\u0632", "2": "stra\u00dfe", "3": "strasse"}
    (tmp_path / "names.json").write_text(json.dumps(dict(names=names)), encoding="utf-8")
    assert set(read_names(tmp_path / "names.json", 5, "").categories) == set(names.values())
