"""Which file a work dir means."""

from __future__ import annotations

from pathlib import Path

import pytest

from slotcon_mm.engine.checkpoint_files import latest_checkpoint, resolve_checkpoint


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


def test_the_noted_checkpoint_is_taken_even_after_the_work_dir_was_moved(tmp_path):
    touch(tmp_path, "epoch_1.pth", "epoch_2.pth")
    (tmp_path / "last_checkpoint").write_text("/old/place/epoch_1.pth")
    assert latest_checkpoint(tmp_path) == tmp_path / "epoch_1.pth"


def test_without_a_note_the_highest_number_is_the_newest(tmp_path):
    touch(tmp_path, "epoch_9.pth", "epoch_10.pth", "other.pth")
    (tmp_path / "last_checkpoint").write_text("/old/place/epoch_77.pth")
    assert latest_checkpoint(tmp_path) == tmp_path / "epoch_10.pth"


def test_an_empty_or_absent_work_dir_has_none(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    assert latest_checkpoint(tmp_path / "absent") is None


def test_a_file_means_itself_and_a_work_dir_its_newest(tmp_path):
    touch(tmp_path, "epoch_3.pth", "any.pth")
    assert resolve_checkpoint(tmp_path / "any.pth", "x").name == "any.pth"
    assert resolve_checkpoint(tmp_path, "x").name == "epoch_3.pth"


def test_what_is_not_there_is_named_with_the_option(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"for --pretrained, got .*absent"):
        resolve_checkpoint(tmp_path / "absent", "--pretrained")
    with pytest.raises(FileNotFoundError, match="work dir with a checkpoint"):
        resolve_checkpoint(tmp_path, "--resume")
