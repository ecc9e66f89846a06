"""Which files make a dataset, and in which order."""

from __future__ import annotations

import os
import tempfile
from itertools import takewhile
from pathlib import Path

import pytest

from slotcon_mm.checks import RunStoppedError
from slotcon_mm.datasets import UnlabeledImageDataset
from slotcon_mm.datasets.image_files import UnreadableImageError
from slotcon_mm.datasets.image_lists import list_images


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b/2.JPG", "b/1.jpeg", "a/z/3.png", "a/0.webp", "c/notes.txt", "c/4.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(root: Path, *folders: str) -> list[str]:
    return [os.path.relpath(path, root) for path in list_images(root, folders or ("",))]


def test_images_of_a_nested_folder_come_sorted_and_nothing_else(tree):
    assert names(tree) == ["a/0.webp", "a/z/3.png", "b/1.jpeg", "b/2.JPG", "c/4.jpg"]


def test_several_folders_make_one_sorted_list(tree):
    assert names(tree, "c", "a") == ["a/0.webp", "a/z/3.png", "c/4.jpg"]


def test_links_to_folders_are_followed_and_a_loop_of_links_ends(tree):
    (tree / "linked").symlink_to(tree / "b")
    (tree / "a" / "loop").symlink_to(tree)
    assert {Path(name).name for name in names(tree)} == {"0.webp", "1.jpeg", "2.JPG", "3.png", "4.jpg"}


def test_each_sample_knows_its_position_in_the_whole_list(tree):
    dataset = UnlabeledImageDataset(str(tree))
    assert [dataset.get_data_info(i)["sample_idx"] for i in range(len(dataset))] == list(range(5))
    assert dataset.get_data_info(4)["img_path"].endswith("c/4.jpg")


def test_a_folder_that_does_not_exist_is_named_with_the_fix(tree):
    with pytest.raises(ValueError, match=r"nowhere, which does not exist.*dataset.data_root=FOLDER"):
        UnlabeledImageDataset(str(tree / "nowhere"))


def test_a_folder_without_images_is_named(tree):
    (tree / "c" / "4.jpg").unlink()
    with pytest.raises(ValueError, match=r"expected images \(.jpg.*below .*c, got none"):
        UnlabeledImageDataset(str(tree), folders=["a", "c"])


def test_what_is_named_like_an_image_but_is_no_file_is_left_out_and_said(tree, monkeypatch):
    from slotcon_mm.datasets import image_lists

    said: list[str] = []
    monkeypatch.setattr(image_lists, "print_log", lambda message, *args, **kwargs: said.append(message))
    os.mkfifo(tree / "pipe.jpg")
    (tree / "loop.jpg").symlink_to(tree / "loop.jpg")
    (tree / "broken.png").symlink_to(tree / "nowhere")
    (tree / "folder.jpg").mkdir()
    (tree / "folder.jpg" / "5.png").touch()
    (tree / "link.jpg").symlink_to(tree / "c/4.jpg")
    found = names(tree)
    assert {"folder.jpg/5.png", "link.jpg"} <= set(found)
    assert not {"pipe.jpg", "loop.jpg", "broken.png"} & set(found)
    assert said == [
        "left out, since they are named like images but are no files: "
        + ", ".join(str(tree / name) for name in ("broken.png", "loop.jpg", "pipe.jpg"))
    ]


def test_names_of_any_bytes_are_listed(tree):
    name = os.fsdecode(b"caf\xe9.jpg")
    (tree / name).touch()
    assert name in names(tree)


def test_a_folder_that_may_not_be_read_is_named(tree):
    (tree / "c").chmod(0)
    user = os.geteuid()
    if user == 0:  # who may read everything, unlike nobody
        for folder in takewhile(lambda folder: folder != Path(tempfile.gettempdir()), [tree, *tree.parents]):
            folder.chmod(0o755)
        os.seteuid(65534)
    try:
        with pytest.raises(ValueError, match=r"expected a folder that can be read, got .*/c \(Permission denied\)"):
            names(tree)
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("option", [dict(data_prefix="a"), dict(data_prefix=dict(img_path="a")), dict(filter_cfg={})])
def test_options_of_mmengine_that_would_be_passed_over_are_refused(tree, option):
    with pytest.raises(ValueError, match=rf"expected folders or ann_file .*, got {next(iter(option))}="):
        UnlabeledImageDataset(str(tree), **option)


def test_a_list_gives_its_images_in_its_order(tree):
    (tree / "mine.txt").write_bytes(b"c/4.jpg\r\na/0.webp\n\ncaf\xe9.jpg\n")
    dataset = UnlabeledImageDataset(str(tree), ann_file="mine.txt")
    found = [os.path.relpath(dataset.get_data_info(i)["img_path"], tree) for i in range(len(dataset))]
    assert found == ["c/4.jpg", "a/0.webp", os.fsdecode(b"caf\xe9.jpg")]
    assert len(UnlabeledImageDataset(str(tree), ann_file=str(tree / "mine.txt"))) == 3


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_list_may_begin_with_a_mark_of_its_encoding(tree, encoding):
    """As Windows' editors and PowerShell's ``>`` write it."""
    (tree / "mine.txt").write_text("c/4.jpg\r\na/0.webp\r\n", encoding=encoding, newline="")
    dataset = UnlabeledImageDataset(str(tree), ann_file="mine.txt")
    found = [os.path.relpath(dataset.get_data_info(i)["img_path"], tree) for i in range(len(dataset))]
    assert found == ["c/4.jpg", "a/0.webp"]


def test_a_list_that_is_empty_or_absent_is_named(tree):
    (tree / "empty.txt").write_text("\n")
    with pytest.raises(ValueError, match=r"empty.txt, which is empty"):
        UnlabeledImageDataset(str(tree), ann_file="empty.txt")
    with pytest.raises(ValueError, match=r"list of images \(dataset.ann_file\), got .*none.txt, which does not exist"):
        UnlabeledImageDataset(str(tree), ann_file="none.txt")


@pytest.mark.parametrize(
    "arguments",
    [
        dict(),
        dict(folders=["a", "c"]),
        dict(folders="b"),
        dict(folders=["", "a", "c"]),
        dict(folders=["a", "a/", ""]),
        dict(ann_file="some.txt"),
        dict(indices=2),
        dict(indices=99),
        dict(indices=-2),
        dict(indices=[0, 3, 4]),
        dict(ann_file="some.txt", indices=1),
    ],
    ids=str,
)
def test_images_are_counted_as_the_dataset_will_have_them(tree, arguments):
    (tree / "some.txt").write_text("a/0.webp\nc/4.jpg\n")
    given = dict(data_root=str(tree), **arguments)
    assert UnlabeledImageDataset.count_images(**given) == len(UnlabeledImageDataset(**given))


def test_what_was_counted_is_taken_by_one_dataset_and_no_longer_by_the_next(tree):
    UnlabeledImageDataset.count_images(data_root=str(tree))
    (tree / "a/new.jpg").touch()
    assert [len(UnlabeledImageDataset(str(tree))) for _ in range(2)] == [5, 6]


def test_folders_that_cannot_be_counted_are_named_as_when_they_are_read(tree):
    with pytest.raises(ValueError, match=r"nowhere, which does not exist"):
        UnlabeledImageDataset.count_images(data_root=str(tree / "nowhere"))


class ReadOrRefuse:
    """A transform instead of decoding: images of which the name has a digit of ``bad`` cannot be read."""

    def __init__(self, bad: str) -> None:
        self.bad = bad

    def __call__(self, results: dict) -> dict:
        if set(self.bad) & set(Path(results["img_path"]).stem):
            raise UnreadableImageError(f"expected a readable image, got {results['img_path']}")
        return results


def skipping(tree: Path, bad: str, share: float, **options) -> UnlabeledImageDataset:
    return UnlabeledImageDataset(
        str(tree), unreadable="skip", max_unreadable=share, pipeline=[ReadOrRefuse(bad)], **options
    )


def test_by_default_an_unreadable_image_is_an_error(tree):
    with pytest.raises(UnreadableImageError, match=r"a/0\.webp"):
        UnlabeledImageDataset(str(tree), pipeline=[ReadOrRefuse("0")])[0]


def test_a_skipped_image_is_replaced_by_the_same_one_with_its_own_draws(tree):
    found = [skipping(tree, "03", 1.0)[i] for i in (1, 0, 1)]
    assert found[0] == found[2]
    assert Path(found[0]["img_path"]).stem not in ("0", "3")
    assert [sample["sample_idx"] for sample in found] == [1, 0, 1]


def test_skipped_images_are_noted_in_the_order_of_the_list(tree):
    dataset = skipping(tree, "31", 1.0)
    for i in reversed(range(len(dataset))):
        dataset[i]
    assert [Path(path).name for path in dataset.unreadable_images()] == ["3.png", "1.jpeg"]


def test_more_than_the_share_stop_the_run(tree):
    dataset = skipping(tree, "0", 0.1)
    with pytest.raises(
        RunStoppedError, match=r"at most 10.00% unreadable images \(max_unreadable\), got 1 of 5: .*0.webp"
    ):
        dataset[0]


def test_where_nothing_can_be_read_the_tries_end(tree):
    dataset = skipping(tree, "01234", 1.0, max_refetch=20)
    with pytest.raises(RunStoppedError, match=r"to replace .*0.webp, got none in 20 tries"):
        dataset[0]


@pytest.mark.parametrize("options", [dict(unreadable="ignore"), dict(unreadable="skip", max_unreadable=2)])
def test_an_unknown_policy_or_share_is_refused(tree, options):
    with pytest.raises(ValueError, match="expected"):
        UnlabeledImageDataset(str(tree), **options)
