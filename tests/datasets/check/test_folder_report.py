"""A folder's report: complete, resumable, and a list that training takes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from images import READABLE, RED, UNREADABLE, encoded
from PIL import Image

from slotcon_mm.datasets import UnlabeledImageDataset
from slotcon_mm.datasets.check import check_folder, folder_report
from slotcon_mm.datasets.check.examine import Finding
from slotcon_mm.datasets.image_lists import list_images

WITHOUT_CONTENT = {"loop.jpg", "broken-link.jpg", "pipe.jpg"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All readable and unreadable kinds, one copy, and one that lies deeper."""
    root = tmp_path / "data"
    (root / "deep").mkdir(parents=True)
    for name, (content, _, _) in READABLE.items():
        (root / name).write_bytes(content)
    for name, (make, _) in UNREADABLE.items():
        if name != "folder.jpg":  # a folder is no image but a place to look
            make(root / name)
    (root / "deep/copy.png").write_bytes(READABLE["palette.png"][0])
    return root


def report_of(folder: Path, **options) -> folder_report.Report:
    return check_folder(str(folder), folder.parent / "out", workers=2, progress=False, **options)


def test_bad_odd_and_duplicate_files_are_listed(folder):
    report = report_of(folder)
    assert {name for name, _ in report.bad} == set(UNREADABLE) - {"folder.jpg"}
    assert report.images == len(READABLE) + len(UNREADABLE) - 1 + 1
    assert ("palette.png", "deep/copy.png") in report.duplicates
    assert dict(report.odd)["cmyk.jpg"] == "small: 40 x 30; CMYK"
    for name, rows in (("bad", report.bad), ("odd", report.odd), ("duplicates", report.duplicates)):
        text = (folder.parent / f"out/{name}.txt").read_bytes()
        assert text == b"".join(os.fsencode(f"{a}\t{b}\n") for a, b in rows)


def test_the_clean_list_trains_with_every_content_once(folder):
    report = report_of(folder)
    dataset = UnlabeledImageDataset(
        str(folder), ann_file=str(report.clean), pipeline=[dict(type="slotcon_mm.LoadImage")]
    )
    assert len(dataset) == report.images - len(report.bad) - len(report.duplicates)
    assert all(dataset[i]["img"].size for i in range(len(dataset)))
    names = [
        os.path.relpath(info["img_path"], folder) for info in (dataset.get_data_info(i) for i in range(len(dataset)))
    ]
    assert names == sorted(names)
    assert (
        os.fsdecode(b"not-utf8-\xe9.jpg") in names
        or (os.fsdecode(b"not-utf8-\xe9.jpg"), "color.jpg") in report.duplicates
    )


def counting(monkeypatch) -> list[str]:
    looked_at: list[str] = []

    def one_process(function, names, *, workers, lost):
        looked_at.extend(names)
        yield [function(name) for name in names]

    monkeypatch.setattr(folder_report, "map_surviving", one_process)
    return looked_at


def test_a_second_call_looks_only_at_what_is_new_or_changed(folder, monkeypatch):
    first = report_of(folder)
    looked_at = counting(monkeypatch)
    assert report_of(folder) == first
    # what has no content is looked at again: links that lead nowhere, a pipe
    assert set(looked_at) == WITHOUT_CONTENT
    looked_at.clear()
    (folder / "new.png").write_bytes(encoded(RED.rotate(3), "PNG"))
    (folder / "empty.jpg").write_bytes(encoded(RED.rotate(5), "PNG"))
    (folder / "one.png").unlink()
    report = report_of(folder)
    assert {"new.png", "empty.jpg"} <= set(looked_at) <= {"new.png", "empty.jpg", *WITHOUT_CONTENT}
    assert report.images == first.images
    assert "empty.jpg" not in dict(report.bad)


def test_a_file_that_could_not_be_read_is_tried_again(folder, monkeypatch):
    """Neither its size nor its time changes when it may be read."""
    status = (folder / "color.jpg").stat()
    finding = Finding("color.jpg", status.st_size, status.st_mtime_ns, "Permission denied", [], "", 0)
    with monkeypatch.context() as patched:
        patched.setattr(folder_report, "map_surviving", lambda *args, **kwargs: [[finding]])
        patched.setattr(folder_report, "list_names", lambda root, folders: ["color.jpg"])
        assert report_of(folder).bad == [("color.jpg", "Permission denied")]
    assert "color.jpg" not in dict(report_of(folder).bad)


def test_folders_within_one_another_have_each_image_once(folder):
    (folder / "sub/inner").mkdir(parents=True)
    image = shutil.copy(folder / "color.jpg", folder / "sub/inner/other.jpg")
    report = report_of(folder, folders=["sub", "sub/inner"])
    assert (report.images, report.duplicates) == (1, [])
    assert list_images(folder, ["sub", "sub/inner"]) == [str(image)]


def test_an_interrupted_call_goes_on_where_it_was(folder, monkeypatch):
    complete = check_folder(str(folder), folder.parent / "other", workers=1, progress=False)
    report_of(folder)
    journal = folder.parent / "out" / folder_report.JOURNAL
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:10]) + lines[10][:25])  # killed in the middle of a line
    looked_at = counting(monkeypatch)
    report = report_of(folder)
    assert set(looked_at) == {json.loads(line)[0] for line in lines[10:]} | WITHOUT_CONTENT
    assert report._replace(clean=complete.clean) == complete


def test_a_file_that_ends_its_process_is_bad(folder, monkeypatch):
    def loses_the_first(function, names, *, workers, lost):
        yield [lost(names[0]), *map(function, names[1:])]

    monkeypatch.setattr(folder_report, "map_surviving", loses_the_first)
    assert "ended the process" in dict(report_of(folder).bad)["alpha.png"]


def test_sixteen_bit_images_that_use_fewer_are_told_of(tmp_path):
    for i, most in enumerate((900, 4000)):
        values = np.full((40, 40), most, np.uint16)
        (tmp_path / f"{i}.png").write_bytes(encoded(Image.fromarray(values), "PNG"))
    report = check_folder(str(tmp_path), tmp_path / "out", workers=1, progress=False)
    assert "got 4000 as the highest value of 2 looked at" in report.too_dark
    again = check_folder(str(tmp_path), tmp_path / "out", workers=1, progress=False)
    assert again == report


def test_hidden_files_are_no_findings(folder):
    (folder / "._color.jpg").write_bytes(b"a Mac's notes")
    assert "._color.jpg" not in dict(report_of(folder).bad)


def test_only_the_named_folders_are_looked_at(folder):
    report = report_of(folder, folders=["deep"])
    assert report.images == 1
    assert report.clean.read_text() == "deep/copy.png\n"


def test_what_cannot_be_checked_is_said(tmp_path):
    with pytest.raises(ValueError, match="nowhere, which does not exist"):
        check_folder(str(tmp_path / "nowhere"), tmp_path / "out")
    with pytest.raises(ValueError, match="expected images below"):
        check_folder(str(tmp_path), tmp_path / "out")
    with pytest.raises(ValueError, match="expected workers above 0"):
        check_folder(str(tmp_path), tmp_path / "out", workers=0)
