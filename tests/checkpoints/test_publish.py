"""What is written, and under which name."""

from __future__ import annotations

import hashlib
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from slotcon_mm.checkpoints.publish import publish, write_weights


def test_the_sha256_is_the_files(tmp_path):
    path = tmp_path / "new" / "w.pth"
    sha256 = write_weights(dict(a=torch.ones(3)), path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    assert torch.load(path, weights_only=True)["a"].equal(torch.ones(3))
    assert [p.name for p in path.parent.iterdir()] == ["w.pth"]


def test_the_same_weights_have_the_same_sha256_under_any_name(tmp_path):
    assert write_weights(dict(a=torch.ones(3)), tmp_path / "x.pth") == write_weights(
        dict(a=torch.ones(3)), tmp_path / "another.pth"
    )


def test_nothing_is_overwritten(tmp_path):
    path = tmp_path / "w.pth"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="remove it first"):
        write_weights({}, path)
    assert path.read_text() == "precious"


def test_a_pickle_holds_arrays_as_the_model_zoo_does(tmp_path):
    write_weights(dict(model=dict(a=torch.ones(2)), matching_heuristics=True), tmp_path / "w.pkl")
    loaded = pickle.loads((tmp_path / "w.pkl").read_bytes())
    assert isinstance(loaded["model"]["a"], np.ndarray)
    assert loaded["matching_heuristics"]


def test_a_published_file_has_weights_only_and_its_sha256_in_its_name(tmp_path):
    checkpoint = dict(state_dict=dict(a=torch.ones(2)), meta=dict(epoch=3), optimizer=dict(state={}))
    path, sha256 = publish(checkpoint, tmp_path / "slotcon.pth")
    assert path.name == f"slotcon-{sha256[:8]}.pth"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    assert set(torch.load(path, weights_only=True)) == {"state_dict", "meta"}


def test_a_published_file_is_of_the_kind_that_its_name_says(tmp_path):
    checkpoint = dict(state_dict=dict(a=torch.ones(2)), meta=dict(epoch=3))
    path, sha256 = publish(checkpoint, tmp_path / "slotcon.safetensors")
    assert path.name == f"slotcon-{sha256[:8]}.safetensors"
    assert load_file(path)["a"].equal(torch.ones(2))
    assert publish(checkpoint, tmp_path / "slotcon")[0].suffix == ".pth"


def test_a_pickle_of_another_form_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"Detectron2's form for a file that ends in .pkl.*let the file end in .pth"):
        write_weights(dict(state_dict=dict(a=torch.ones(2))), tmp_path / "w.pkl")
