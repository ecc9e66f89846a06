"""Which images of folders and lists mmseg takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from mmengine.dataset import ConcatDataset
from mmseg.datasets import BaseSegDataset

from slotcon_mm.datasets import SeededDataset
from slotcon_mm.launch.labeled_data.lists import (
    expect_listed_images,
    expect_plain_annotations,
    say_what_endings_leave_out,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder, names in (("images", ("0.jpg", "1.jpg", "deep/2.png", "3.png", "4.JPG")), ("labels", ("0.png",))):
        for name in names:
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).touch()
    return tmp_path


def dataset(root: Path, **options: Any) -> BaseSegDataset:
    prefix = dict(img_path="images", seg_map_path="labels")
    return BaseSegDataset(data_root=str(root), data_prefix=options.pop("data_prefix", prefix), pipeline=[], **options)


def test_images_that_a_suffix_leaves_out_are_counted(root):
    (note,) = say_what_endings_leave_out(SeededDataset(dataset(root)))
    assert note.startswith(
        f"img_suffix=.jpg takes 2 of 5 images below {root}/images and leaves out 2 .png, 1 .JPG: give all the same "
    )


def test_datasets_that_share_a_folder_take_their_endings_together(root):
    parts = [dataset(root, img_suffix=suffix) for suffix in (".jpg", ".png", ".JPG")]
    assert say_what_endings_leave_out(ConcatDataset(parts)) == []


@pytest.mark.parametrize(("labels", "left_out"), [("images", "1 .JPG"), ("images/labels", "2 .png, 1 .JPG")])
def test_label_maps_among_the_images_are_not_counted(root, labels, left_out):
    (root / labels).mkdir(exist_ok=True)
    (root / labels / "0.png").touch()
    (note,) = say_what_endings_leave_out(dataset(root, data_prefix=dict(img_path="images", seg_map_path=labels)))
    assert f"leaves out {left_out}: " in note


def test_a_list_says_itself_what_is_left_out(root):
    (root / "list.txt").write_text("0\n")
    assert say_what_endings_leave_out(dataset(root, ann_file="list.txt")) == []


def test_a_list_of_names_passes(root):
    (root / "list.txt").write_text("0\r\n 1 \n")
    expect_listed_images(SeededDataset(dataset(root, ann_file="list.txt")))
    expect_listed_images(dataset(root))


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("0\n1.jpg\n", "got '1.jpg' on line 2: write '1', and so on the other lines"),
        ("3.png\n", "got '3.png' on line 1: write '3'"),
        ("0 1\n", "got '0 1' on line 1: correct the line, img_suffix or data_prefix.img_path"),
        ("0\n\n1\n", "got '' on line 2: remove that empty line"),
    ],
)
def test_a_line_that_names_no_image_is_named_with_the_fix(root, text, got):
    (root / "list.txt").write_text(text)
    with pytest.raises(
        ValueError, match=rf"without its ending '.jpg' \(img_suffix\) on each line of .*list.txt, {got}"
    ):
        expect_listed_images(dataset(root, ann_file="list.txt"))


def test_the_last_of_many_lines_is_looked_at(root):
    (root / "list.txt").write_text("0\n" * 30_000 + "lost\n")
    with pytest.raises(ValueError, match="'lost' on line 30001"):
        expect_listed_images(dataset(root, ann_file="list.txt"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("scope", ["mmseg", "mmdet"])
def test_marks_of_encodings_are_named_before_a_dataset_is_built(root, scope, encoding):
    part = dict(type="Any", data_root=str(root), ann_file="list.txt", pipeline=[])
    config = Config(dict(default_scope=scope, val_dataloader=dict(dataset=dict(type="Repeat", dataset=part))))
    expect_plain_annotations(config)  # the library says that there is none
    (root / "list.txt").write_text("0\n", encoding=encoding)
    with pytest.raises(ValueError, match=rf"without a mark \(BOM\) in .*list.txt, as {scope} reads it"):
        expect_plain_annotations(config)
    part["ann_file"] = "list.pkl"
    (root / "list.txt").rename(root / "list.pkl")
    expect_plain_annotations(Config(dict(default_scope=scope, val_dataloader=dict(dataset=part))))
