"""Which file a work dir means."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from slotcon_mm.checkpoints.latest import damage_of, latest_checkpoint, resolve_checkpoint


def save(folder: Path, *names: str) -> None:
    for name in names:
        torch.save(dict(state_dict=dict(a=torch.arange(1000))), folder / name)


def test_the_noted_checkpoint_is_taken_even_after_the_work_dir_was_moved(tmp_path):
    save(tmp_path, "epoch_1.pth", "epoch_2.pth")
    (tmp_path / "last_checkpoint").write_text("/old/place/epoch_1.pth")
    assert latest_checkpoint(tmp_path) == tmp_path / "epoch_1.pth"


def test_checkpoints_that_a_hook_wrote_elsewhere_are_found_by_the_note(tmp_path):
    work_dir, elsewhere = tmp_path / "run", tmp_path / "out/run"
    for folder in (work_dir, elsewhere):
        folder.mkdir(parents=True)
    save(elsewhere, "epoch_1.pth", "epoch_2.pth")
    (work_dir / "last_checkpoint").write_text(str(elsewhere / "epoch_2.pth"))
    assert latest_checkpoint(work_dir) == elsewhere / "epoch_2.pth"
    (elsewhere / "epoch_2.pth").write_bytes(b"cut")
    assert latest_checkpoint(work_dir) == elsewhere / "epoch_1.pth"
    save(work_dir, "epoch_2.pth")  # a moved one goes before what it was moved from
    assert latest_checkpoint(work_dir) == work_dir / "epoch_2.pth"


def test_without_a_note_the_highest_number_is_the_newest(tmp_path):
    save(tmp_path, "epoch_9.pth", "epoch_10.pth", "other.pth")
    (tmp_path / "last_checkpoint").write_text("/old/place/epoch_77.pth")
    assert latest_checkpoint(tmp_path) == tmp_path / "epoch_10.pth"


def test_an_empty_or_absent_work_dir_has_none(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    assert latest_checkpoint(tmp_path / "absent") is None


@pytest.mark.parametrize("note", [None, "", "epoch_2.pth"])
def test_a_damaged_newest_one_gives_way_to_the_one_before(tmp_path, note):
    save(tmp_path, "epoch_1.pth", "epoch_2.pth")
    whole = (tmp_path / "epoch_2.pth").read_bytes()
    (tmp_path / "epoch_2.pth").write_bytes(whole[: len(whole) // 2])
    if note is not None:
        (tmp_path / "last_checkpoint").write_text(note)
    assert latest_checkpoint(tmp_path) == tmp_path / "epoch_1.pth"


def test_damaged_ones_only_are_an_error_rather_than_a_fresh_start(tmp_path):
    for name in ("epoch_1.pth", "epoch_2.pth"):
        (tmp_path / name).write_bytes(b"cut")
    with pytest.raises(ValueError, match=r"got only damaged ones: epoch_2.pth, epoch_1.pth"):
        latest_checkpoint(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    save(folder, "a.pth")
    assert damage_of(folder / "a.pth") is None
    return (folder / "a.pth").read_bytes()


@given(data=st.data())
def test_a_cut_off_file_is_always_seen(whole, tmp_path_factory, data):
    length = data.draw(st.integers(0, len(whole) - 1))
    path = tmp_path_factory.getbasetemp() / "cut.pth"
    path.write_bytes(whole[:length])
    assert damage_of(path) is not None


def test_a_changed_weight_is_seen_by_its_checksum(whole, tmp_path):
    start = whole.index(torch.arange(1000).numpy().tobytes())
    (tmp_path / "a.pth").write_bytes(whole[:start] + b"\x01" + whole[start + 1 :])
    assert "wrong checksum of" in damage_of(tmp_path / "a.pth")


def test_a_changed_name_in_the_archives_table_is_damage_and_no_crash(whole, tmp_path):
    table = whole.index(b"PK\x01\x02")
    names = [at for at in range(table, len(whole)) if whole.startswith(b"a/data", at)]
    assert len(names) == 2  # the pickle's and the weights'
    for at in names:
        for change in (1, 8, 0xFF):
            (tmp_path / "a.pth").write_bytes(whole[:at] + bytes([whole[at] ^ change]) + whole[at + 1 :])
            assert damage_of(tmp_path / "a.pth") is not None


@given(data=st.data())
def test_no_changed_byte_of_the_archives_table_is_a_crash(whole, tmp_path_factory, data):
    at = data.draw(st.integers(whole.index(b"PK\x01\x02"), len(whole) - 1))
    path = tmp_path_factory.getbasetemp() / "changed.pth"
    path.write_bytes(whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :])
    damage = damage_of(path)
    assert damage is None or "\n" not in damage


def test_other_objects_are_left_to_the_loader_to_refuse(tmp_path):
    torch.save(dict(state_dict={}, path=tmp_path), tmp_path / "a.pth")
    assert damage_of(tmp_path / "a.pth") is None


def test_a_file_means_itself_and_a_work_dir_its_newest(tmp_path):
    save(tmp_path, "epoch_3.pth", "any.pth")
    assert resolve_checkpoint(tmp_path / "any.pth", "x").name == "any.pth"
    assert resolve_checkpoint(tmp_path, "x").name == "epoch_3.pth"


def test_what_is_not_there_is_named_with_the_option(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"for --pretrained, got .*absent"):
        resolve_checkpoint(tmp_path / "absent", "--pretrained")
    with pytest.raises(FileNotFoundError, match="work dir with a checkpoint"):
        resolve_checkpoint(tmp_path, "--resume")
