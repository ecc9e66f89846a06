"""What below a folder is an image, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from slotcon_mm.datasets import image_lists
from slotcon_mm.datasets.image_lists import find_images, list_images


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def names(root: Path) -> list[str]:
    return [str(Path(path).relative_to(root)) for path in list_images(root)]


@pytest.fixture
def said(monkeypatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(image_lists, "print_log", lambda message, *args, **kwargs: lines.append(message))
    return lines


def test_all_kinds_that_are_read_are_listed_whatever_the_case_of_their_endings(tmp_path, said):
    files = ["a.TIFF", "b.tif", "c.bmp", "d.PPM", "e.pgm", "f.WebP", "g.jpe", "h.JFIF", "i.jpeg", "j.png"]
    assert names(touch(tmp_path, *files)) == files
    assert said == []


@pytest.mark.parametrize(
    "name",
    [
        "._a.jpg", ".a.jpg", ".ipynb_checkpoints/a.jpg", "deep/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "__MACOSX/._a.jpg",
        "lost+found/a.jpg", ".thumbnails/a.png", "#recycle/a.jpg", "$RECYCLE.BIN/a.jpg", ".Trash-1000/files/a.jpg",
    ],
)  # fmt: skip
def test_hidden_files_and_folders_and_those_of_systems_are_left_out_and_counted(tmp_path, said, name):
    assert names(touch(tmp_path, name, "b.jpg", "deep/c.jpg")) == ["b.jpg", "deep/c.jpg"]
    (line,) = said
    assert line.startswith("left out, since they are hidden or a system's own (1): ")


@pytest.mark.parametrize("top", [".cache/data", "@eaDir", "lost+found/x"])
def test_a_folder_that_is_asked_for_may_itself_lie_below_a_hidden_one(tmp_path, said, top):
    assert names(touch(tmp_path / top, "a.jpg", "b/c.jpg")) == ["a.jpg", "b/c.jpg"]
    assert said == []


def test_links_into_hidden_folders_are_followed(tmp_path, said):
    """As git-annex, DVC and Hugging Face's cache keep files."""
    touch(tmp_path, ".store/1234", ".store/tree/b.jpg")
    (tmp_path / "a.jpg").symlink_to(tmp_path / ".store/1234")
    (tmp_path / "tree").symlink_to(tmp_path / ".store/tree")
    assert names(tmp_path) == ["a.jpg", "tree/b.jpg"]


def test_other_files_are_counted_by_their_endings_but_for_what_lies_beside_images(tmp_path, said):
    touch(tmp_path, "a.jpg", "labels.json", "README.md", "a.xml", "b.HEIC", "c.heic", "d.gif", "e", "f.nii.gz")
    assert names(tmp_path) == ["a.jpg"]
    (line,) = said
    assert line.startswith(f"left out below {tmp_path}, since their endings are not those of images that are read: ")
    assert line.rpartition(": ")[2].split(", ")[0] == "2 .heic"
    assert set(line.rpartition(": ")[2].split(", ")[1:]) == {"1 .gif", "1 without ending", "1 .gz"}


def test_where_there_are_only_others_the_error_tells(tmp_path):
    with pytest.raises(ValueError, match=r"got none; left out below .*: 2 \.heic"):
        list_images(touch(tmp_path, "a.heic", "b.heic"))


def test_a_folder_reached_by_several_links_is_found_by_its_own_path_or_the_first_link(tmp_path):
    touch(tmp_path, "z/a.jpg")
    (tmp_path / "a").symlink_to(tmp_path / "z")
    assert find_images(str(tmp_path)).images == [str(tmp_path / "z/a.jpg")]
    touch(tmp_path / "elsewhere", "b.jpg")
    (tmp_path / "elsewhere").rename(tmp_path.parent / f"{tmp_path.name}-other")
    for link in ("n", "m"):
        (tmp_path / link).symlink_to(tmp_path.parent / f"{tmp_path.name}-other")
    assert names(tmp_path) == ["m/b.jpg", "z/a.jpg"]
