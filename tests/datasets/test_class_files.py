"""Files that name classes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slotcon_mm.datasets.class_files import read_classes
from slotcon_mm.datasets.label_sets import label_set_of


@pytest.fixture
def written(tmp_path):
    def write(text: str | bytes, name: str = "classes.txt") -> Path:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("road\ncar\n", dict(classes=["road", "car"])),
        ("road\r\n\r\n  car  \r\n", dict(classes=["road", "car"])),
        ("\ufeff# of my camera\nroad\n#\ncar", dict(classes=["road", "car"])),
        ("traffic light,7\ncar, 26", dict(classes=["traffic light", "car"], values=[7, 26])),
        ("road\t0\ncar\t255", dict(classes=["road", "car"], values=[0, 255])),
        ("building, edifice, 3\nwall,4", dict(classes=["building, edifice", "wall"], values=[3, 4])),
        ("building, edifice\nwall", dict(classes=["building, edifice", "wall"])),
        ("road,#804080\ncar\t#00008E", dict(classes=["road", "car"], palette=[[128, 64, 128], [0, 0, 142]])),
        ("road,128 64 128\ncar,0,0,142", dict(classes=["road", "car"], palette=[[128, 64, 128], [0, 0, 142]])),
        ("road\t128\t64\t128", dict(classes=["road"], palette=[[128, 64, 128]])),
        ("stra\u00dfe\n#1 tool", dict(classes=["stra\u00dfe", "#1 tool"])),
        ("class 1\nclass 2", dict(classes=["class 1", "class 2"])),
    ],
)
def test_a_text_file_has_names_with_values_or_colors(written, text, expected):
    ignore = () if 255 in expected.get("values", ()) else None
    found = read_classes(written(text), ignore)
    assert found == {**expected, **({} if ignore is None else dict(ignore=ignore))}
    assert json.loads(json.dumps(expected)) == expected  # plain, as notes of runs hold it
    label_set_of(found)


def test_of_a_json_file_the_categories_count_by_their_ids(written):
    content = dict(images=[], categories=[dict(id=7, name="car"), dict(id=2, name="road", supercategory="x")])
    found = read_classes(written(json.dumps(content), "a.json"), [0, 255])
    assert found == dict(classes=["road", "car"], values=[2, 7], ignore=[0, 255])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a name of a class a line in .*classes.txt, got none"),
        ("a,1\nb", "classes.txt, line 2: expected a name and a value, as on the lines before, got 'b'"),
        ("a\n\nb,#000000", "line 3: expected a name alone, as on the lines before, got 'b,#000000'"),
        ("a,1\nb,#000000", "line 2: expected a name and a value"),
        ("a\n# x\na", "line 3: expected each name, value and color once, got 'a' also in line 1"),
        ("a,1\nb,1", "line 2: .* got 1 also in line 1"),
        ("a,1 2 3\nb,#010203", r"line 2: .* got \(1, 2, 3\) also in line 1"),
        ("a,256", "line 1: expected a value from 0 to 255 or a color .* of 'a', got '256'"),
        ("a,-1", "got '-1'"),
        ("a,1x8", "got '1x8'"),
        ("a,1 2", "got '1 2'"),
        ("a,0 0 300", r"line 1: expected a color of 'a' as \(r, g, b\)"),
        ("a,#12345", "line 1: expected a color of 'a' .* got '#12345'"),
        (",3", "line 1: expected a name before '3', got none"),
        ("a,0\nb,255", "classes.txt: expected values that are a class's or ignored, got 255 as both, of 'b'"),
        (b"caf\xe9", "in UTF-8, got .*classes.txt"),
        (b"a\x00", "a text file, got bytes of value 0 in .*classes.txt: save it as UTF-8"),
        ("{", "expected a readable JSON file, got .*classes.txt"),
        ("{}", "classes.txt: expected categories in COCO's format, got none"),
        ('{"categories": [{"id": 300, "name": "a"}]}', "classes.txt: .* from 0 to 255, got 300"),
    ],
)
def test_what_is_no_list_of_classes_is_refused_with_its_line(written, text, message):
    with pytest.raises(ValueError, match=message):
        read_classes(written(text))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"a file of classes, got .*none.txt \(No such file"):
        read_classes(tmp_path / "none.txt")
