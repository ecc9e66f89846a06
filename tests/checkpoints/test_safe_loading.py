"""Loading runs nothing that is in a file."""

from __future__ import annotations

import pytest
import torch
from helpers import Payload
from mmengine.runner.checkpoint import CheckpointLoader

from slotcon_mm.checkpoints.safe_loading import load_from_safe_local


def test_tensors_and_plain_values_load(tmp_path):
    path = tmp_path / "a.pth"
    torch.save(dict(state_dict=dict(w=torch.ones(2)), meta=dict(epoch=3, cfg="x")), path)
    assert load_from_safe_local(str(path), "cpu")["meta"]["epoch"] == 3


def test_mmengine_loads_local_files_through_it(tmp_path):
    path = tmp_path / "bad.pth"
    torch.save(dict(meta=Payload(tmp_path / "ran")), path)
    with pytest.raises(ValueError, match=r"got other objects.*\n.*torch says: unsupported GLOBAL \w+\.mkdir$"):
        CheckpointLoader.load_checkpoint(str(path), map_location="cpu")
    assert not (tmp_path / "ran").exists()


def test_a_file_that_is_cut_off_is_named(tmp_path):
    path = tmp_path / "half.pth"
    torch.save(dict(w=torch.ones(1000)), path)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(ValueError, match=r"half.pth, which torch cannot read"):
        load_from_safe_local(str(path))


@pytest.mark.parametrize("content", [b"", b"text"])
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "notes.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="expected"):
        load_from_safe_local(str(path))


def test_a_tensor_alone_is_no_checkpoint(tmp_path):
    torch.save(torch.ones(2), tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"expected a checkpoint, got a Tensor in .*a.pth"):
        load_from_safe_local(str(tmp_path / "a.pth"))


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match=r"nowhere.pth, which does not exist"):
        load_from_safe_local("nowhere.pth")
