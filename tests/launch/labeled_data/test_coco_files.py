"""A file in COCO's format that mmdet could not read is refused by its name."""

from __future__ import annotations

import codecs

import pytest
from coco_annotations import write_annotations

from slotcon_mm.launch.labeled_data.coco_files import read_coco_file


def test_the_parts_of_a_file(tmp_path):
    file = read_coco_file(write_annotations(tmp_path / "a.json"))
    assert file.categories == [dict(id=1, name="bolt"), dict(id=2, name="nut")]
    assert [len(file.images), len(file.annotations)] == [1, 2]


def test_a_byte_order_mark_is_refused(tmp_path):
    path = write_annotations(tmp_path / "a.json")
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())
    with pytest.raises(ValueError, match=r"without a mark \(BOM\) in .*a.json, as mmdet reads it"):
        read_coco_file(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "COCO's format, got .*a.json, which has no categories"),
        ("[1]", "JSON object in COCO's format, got .*a.json"),
        ("{", "readable JSON file, got .*a.json"),
        ('{"categories": ["bolt"]}', "categories of COCO's format, a list of objects, in .*a.json"),
        ('{"categories": [{"name": "bolt"}]}', "categories with id and name in .*a.json, got .*bolt"),
        (
            '{"categories": [{"id": 1, "name": "bolt"}], "annotations": {"1": 2}}',
            "annotations of COCO's format, .*a.json",
        ),
    ],
)
def test_what_is_not_in_coco_s_format_is_named(tmp_path, text, said):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=said):
        read_coco_file(tmp_path / "a.json")
