"""Files of weights of every kind, read without running what is in them."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import Payload
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer

from slotcon_mm.checkpoints.safe_loading import load_from_safe_local, load_weights
from slotcon_mm.checkpoints.weight_files import read_weights

STATE = dict(w=torch.arange(6.0).reshape(2, 3), n=torch.tensor(3))


class CfgNode(dict):
    """yacs's options, as pickles name them."""

    __module__ = "yacs.config"


def test_what_training_scripts_leave_beside_weights_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yacs", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "yacs.config", SimpleNamespace(CfgNode=CfgNode))
    history = HistoryBuffer()
    history.update(2.0)
    options = CfgNode(lr=1.0)
    options.frozen = True
    left = dict(
        args=argparse.Namespace(lr=1.0, data=Path("data")), log=history, best=np.float64(0.5), scores=np.ones(3)
    )
    kept = dict(config=ConfigDict(a=dict(b=1)), options=options, counts=defaultdict(list, a=[1, left["args"]]))
    torch.save(dict(state_dict=STATE, **left, **kept), tmp_path / "a.pth")
    loaded = load_weights(str(tmp_path / "a.pth"))
    assert loaded.pop("state_dict")["w"].equal(STATE["w"])
    assert loaded == dict(config=dict(a=dict(b=1)), options=dict(lr=1.0), counts=dict(a=[1]))  # dicts, as dicts
    with pytest.raises(ValueError, match="got other objects"):  # where a run is resumed they would be missed
        load_from_safe_local(str(tmp_path / "a.pth"))


def test_nothing_else_is_passed_over_and_nothing_is_run(tmp_path):
    torch.save(dict(state_dict=STATE, args=argparse.Namespace(x=Payload(tmp_path / "ran"))), tmp_path / "bad.pth")
    with pytest.raises(ValueError, match="got other objects"):
        load_weights(str(tmp_path / "bad.pth"))
    assert not (tmp_path / "ran").exists()


class Asks:
    """Its pickle asks for an attribute of a class, and calls it."""

    def __reduce__(self) -> tuple:
        return getattr, (HistoryBuffer, "register_statistics")


def test_an_attribute_that_a_pickle_asks_for_is_not_given(tmp_path):
    torch.save(dict(state_dict=STATE, asked=Asks()), tmp_path / "a.pth")
    assert list(load_weights(str(tmp_path / "a.pth"))) == ["state_dict"]


def test_files_of_safetensors_are_read_with_and_without_memory(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    path = tmp_path / "model.safetensors"
    safetensors.save_file(STATE, path, metadata={"format": "pt"})
    file, loaded = read_weights(path, "--pretrained")
    assert file == str(path)
    assert loaded["meta"] == {}
    assert all(loaded["state_dict"][name].equal(value) for name, value in STATE.items())
    shapes = load_from_safe_local(str(path), "meta")["state_dict"]
    assert {name: value.shape for name, value in shapes.items()} == {name: v.shape for name, v in STATE.items()}
    assert shapes["w"].is_meta
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ValueError, match=r"model.safetensors, which safetensors cannot read"):
        read_weights(path, "--pretrained")


def test_what_holds_no_weights_is_said(tmp_path):
    torch.save(dict(epoch=3, args=None), tmp_path / "none.pth")
    with pytest.raises(ValueError, match=r"got a dict of 'epoch', 'args' in .*none.pth"):
        read_weights(tmp_path / "none.pth", "--pretrained")
    with pytest.raises(FileNotFoundError, match="for --pretrained, got nowhere"):
        read_weights("nowhere", "--pretrained")


def test_addresses_are_mmengines(tmp_path):
    with pytest.raises(ValueError, match="expected the name of a model in MMEngine's table for torchvision://, got no"):
        read_weights("torchvision://no", "--pretrained")
