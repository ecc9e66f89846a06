"""Texts in the encodings that people's editors and shells write."""

from __future__ import annotations

import codecs
import json

import pytest

from slotcon_mm.datasets.class_files import read_classes
from slotcon_mm.datasets.coco_instances import read_json
from slotcon_mm.launch.configs import read_config
from slotcon_mm.text_files import as_utf8, expect_unmarked

TEXT = "Straße\r\n日本\n"
MARKED = {
    "utf-8": codecs.BOM_UTF8 + TEXT.encode(),
    "utf-16-le": codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
    "utf-16-be": codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    "utf-32-le": codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"),
    "utf-32-be": codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"),
}


@pytest.mark.parametrize("content", [*MARKED.values(), TEXT.encode()], ids=[*MARKED, "plain"])
def test_a_text_is_the_same_in_every_encoding_that_its_mark_tells(content):
    assert as_utf8(content, "a.txt").decode() == TEXT


def test_bytes_that_are_no_utf8_stay_as_they_are():
    assert as_utf8(b"caf\xe9.jpg\n", "a.txt") == b"caf\xe9.jpg\n"


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (TEXT.encode("utf-16-le"), "bytes of value 0 in a.txt: save it as UTF-8"),
        (MARKED["utf-16-le"][:-1], "expected UTF-16 in a.txt, as its first bytes say, got .*: save it as UTF-8"),
    ],
)
def test_what_is_no_text_is_named_with_the_fix(content, got):
    with pytest.raises(ValueError, match=got):
        as_utf8(content, "a.txt")


@pytest.mark.parametrize("name", MARKED)
def test_what_a_library_reads_is_to_have_no_mark(tmp_path, name):
    (tmp_path / "a.txt").write_bytes(MARKED[name])
    with pytest.raises(ValueError, match=r"expected UTF-8 without a mark \(BOM\) in .*a.txt, as mmseg reads it, got"):
        expect_unmarked(tmp_path / "a.txt", "mmseg")
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    expect_unmarked(tmp_path / "a.txt", "mmseg")
    expect_unmarked(tmp_path / "nowhere.txt", "mmseg")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_of_classes_and_annotations_may_have_one(tmp_path, encoding):
    (tmp_path / "a.txt").write_text("cat\nStraße\n", encoding=encoding)
    assert read_classes(tmp_path / "a.txt")["classes"] == ["cat", "Straße"]
    (tmp_path / "a.json").write_text(json.dumps(dict(images=[])), encoding=encoding)
    assert read_json(tmp_path / "a.json") == dict(images=[])


def test_a_config_with_a_mark_is_named(tmp_path):
    (tmp_path / "a.py").write_text("model = dict(type='A')\n", encoding="utf-8-sig")
    with pytest.raises(ValueError, match=r"without a mark \(BOM\) in .*a.py, as MMEngine reads it"):
        read_config(str(tmp_path / "a.py"))
