"""Which files make a data set, and in which order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slotcon_mm.datasets import PictureFolder
from slotcon_mm.datasets.picture_folder import list_pictures


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b/2.JPG", "b/1.jpeg", "a/z/3.png", "a/0.webp", "c/notes.txt", "c/4.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(root: Path, *folders: str) -> list[str]:
    return [os.path.relpath(path, root) for path in list_pictures(root, folders or ("",))]


def test_pictures_of_a_nested_folder_come_sorted_and_nothing_else(tree):
    assert names(tree) == ["a/0.webp", "a/z/3.png", "b/1.jpeg", "b/2.JPG", "c/4.jpg"]


def test_several_folders_make_one_sorted_list(tree):
    assert names(tree, "c", "a") == ["a/0.webp", "a/z/3.png", "c/4.jpg"]


def test_links_to_folders_are_followed_and_a_loop_of_links_ends(tree):
    (tree / "linked").symlink_to(tree / "b")
    (tree / "a" / "loop").symlink_to(tree)
    assert {Path(name).name for name in names(tree)} == {"0.webp", "1.jpeg", "2.JPG", "3.png", "4.jpg"}


def test_each_sample_knows_its_position_in_the_whole_list(tree):
    dataset = PictureFolder(str(tree))
    assert [dataset.get_data_info(i)["sample_idx"] for i in range(len(dataset))] == list(range(5))
    assert dataset.get_data_info(4)["img_path"].endswith("c/4.jpg")


def test_a_folder_that_does_not_exist_is_named_with_the_fix(tree):
    with pytest.raises(ValueError, match=r"nowhere, which does not exist.*dataset.data_root=FOLDER"):
        PictureFolder(str(tree / "nowhere"))


def test_a_folder_without_pictures_is_named(tree):
    (tree / "c" / "4.jpg").unlink()
    with pytest.raises(ValueError, match=r"expected pictures \(.jpg.*below .*c, got none"):
        PictureFolder(str(tree), folders=["a", "c"])
