"""Zip archives that torch would open, and that are no weights."""

from __future__ import annotations

import tarfile
import zipfile

import pytest
import torch
from crafted_files import WEIGHT, archive, dictionary
from torch import nn

from slotcon_mm.checkpoints.archives import UnsafeArchiveError, expect_plain_archive
from slotcon_mm.checkpoints.latest import damage_of
from slotcon_mm.checkpoints.safe_loading import load_weights


@pytest.mark.parametrize("as_zip", [True, False])
def test_what_torch_saves_passes(as_zip, tmp_path):
    path = tmp_path / "a.pth"
    torch.save(dict(w=torch.ones(3)), path, _use_new_zipfile_serialization=as_zip)
    expect_plain_archive(str(path))
    assert load_weights(str(path))["w"].equal(torch.ones(3))


def test_parts_that_unpack_to_more_than_the_file_are_refused_unopened(tmp_path):
    state = dictionary(state_dict=dictionary(w=WEIGHT))
    path = archive(tmp_path / "bomb.pth", state, compressed=True, **{"data/1": bytes(10**6)})
    with pytest.raises(ValueError, match=r"got .*bomb.pth: its parts unpack to 1,000,\d+ bytes, more than the file"):
        load_weights(str(path))
    assert "more than the file" in damage_of(path)


def test_parts_that_lie_over_one_another_are_refused(tmp_path):
    """A part that is listed a thousand times unpacks to a thousand times its size."""
    path = archive(tmp_path / "over.pth", dictionary(), **{"data/1": bytes(1000)})
    with zipfile.ZipFile(path, "a") as file:
        part = file.getinfo("archive/data/1")
        file.filelist += [part] * 1000
        file._didModify = True
    with pytest.raises(UnsafeArchiveError, match="more than the file"):
        expect_plain_archive(str(path))


def test_programs_and_tars_are_refused_whatever_torch_does_with_them(tmp_path):
    """Before 2.6, torch ran programs of TorchScript where weights were asked for (CVE-2025-32434)."""
    torch.jit.trace(nn.ReLU(), torch.ones(1)).save(tmp_path / "script.pth")
    with pytest.raises(ValueError, match=r"got .*script.pth: this is a program of TorchScript, not weights"):
        load_weights(str(tmp_path / "script.pth"))
    with tarfile.open(tmp_path / "old.pth", "w") as file:
        file.add(__file__, "storages")
    with pytest.raises(ValueError, match=r"got .*old.pth: a tar, as torch's first versions wrote"):
        load_weights(str(tmp_path / "old.pth"))


def test_a_folder_of_that_name_at_the_top_is_no_program(tmp_path):
    torch.save(dict(w=torch.ones(1)), tmp_path / "code.pth")  # torch calls the archive's folder as the file
    expect_plain_archive(str(tmp_path / "code.pth"))
