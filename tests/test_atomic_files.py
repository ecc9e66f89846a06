"""Files are there whole, or as they were."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from mmengine.fileio import get_file_backend

from slotcon_mm import atomic_files
from slotcon_mm.atomic_files import open_atomically, remove_leftovers, write_atomically


def fail_on_sync(monkeypatch, number: int) -> None:
    monkeypatch.setattr(
        atomic_files.os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(number, os.strerror(number)))
    )


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    for content in (b"one", b"two"):
        write_atomically(tmp_path / "new" / "a.pth", content)
        assert (tmp_path / "new" / "a.pth").read_bytes() == content
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.pth"]


def test_a_full_disk_leaves_the_old_file_and_says_so(tmp_path, monkeypatch):
    write_atomically(tmp_path / "a.pth", b"old")
    fail_on_sync(monkeypatch, errno.ENOSPC)
    with pytest.raises(OSError, match=r"No space left on device; it was not written, files before it are whole.*a.pth"):
        write_atomically(tmp_path / "a.pth", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.pth"]
    assert (tmp_path / "a.pth").read_bytes() == b"old"


def test_the_file_is_synced_before_it_gets_its_name_and_the_folder_after(tmp_path, monkeypatch):
    calls: list[str] = []
    sync, replace = os.fsync, os.replace
    kind = lambda handle: "folder" if Path(f"/proc/self/fd/{handle}").resolve().is_dir() else "file"  # noqa: E731
    monkeypatch.setattr(os, "fsync", lambda handle: (calls.append(f"sync {kind(handle)}"), sync(handle)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("rename"), replace(a, b)))
    write_atomically(tmp_path / "a", b"x")
    assert calls == ["sync file", "rename", "sync folder"]


def test_a_file_written_bit_by_bit_is_there_once_it_is_whole(tmp_path):
    write_atomically(tmp_path / "a", b"old")
    with open_atomically(tmp_path / "a") as file:
        file.write(b"ne")
        assert (tmp_path / "a").read_bytes() == b"old"
        file.write(b"w")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_an_exception_while_it_is_written_leaves_the_old_file(tmp_path):
    write_atomically(tmp_path / "a", b"old")
    with pytest.raises(TypeError), open_atomically(tmp_path / "a") as file:
        file.writelines([b"new", "no bytes"])
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]


def test_leftovers_of_a_killed_process_are_removed_and_nothing_else(tmp_path):
    for name in (".epoch_1.pth.77.part", "epoch_1.pth", ".hidden", "a.part"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "a.part", "epoch_1.pth"]


def test_any_config_can_ask_for_it_by_name(tmp_path):
    backend = get_file_backend(backend_args=dict(backend="atomic"))
    backend.put(b"x", tmp_path / "a")
    backend.put_text("y", tmp_path / "b")
    assert ((tmp_path / "a").read_bytes(), (tmp_path / "b").read_text()) == (b"x", "y")
