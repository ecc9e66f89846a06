"""Detectron2's pickles are told from files of torch's, and what to take in their place is said."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import Payload
from mmpretrain.models import ResNet

from slotcon_mm.checkpoints.bare_pickles import is_bare_pickle
from slotcon_mm.checkpoints.formats import export_backbone
from slotcon_mm.checkpoints.publish import write_weights
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local, load_weights

SAID = r"a pickle without torch: so are .* exports for Detectron2 .*Take what it was made of"


def own_export(path: Path) -> Path:
    tensors = ResNet(depth=18, base_channels=4, stem_channels=4).state_dict()
    write_weights(export_backbone(tensors, source="teacher", step=1, file_format="detectron2"), path)
    return path


def of_the_zoo(path: Path, protocol: int) -> Path:
    model = {"conv1_w": np.ones((4, 3, 7, 7), np.float32)}
    path.write_bytes(pickle.dumps(dict(model=model, __author__="Caffe2", matching_heuristics=True), protocol))
    return path


@pytest.mark.parametrize("read", [load_weights, load_from_safe_local])
def test_detectron2s_pickles_are_named_and_not_loaded(read, tmp_path):
    for path in (
        own_export(tmp_path / "r18.pkl"),
        of_the_zoo(tmp_path / "R-18.pkl", 2),
        of_the_zoo(tmp_path / "4.pth", 4),
    ):
        with pytest.raises(ValueError, match=SAID):
            read(str(path))


def test_nothing_in_them_runs(tmp_path):
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    with pytest.raises(ValueError, match=SAID):
        load_weights(str(tmp_path / "evil.pkl"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("archive", [True, False])
def test_files_of_torch_are_none(archive, protocol, tmp_path):
    contents = dict(state_dict=dict(w=torch.ones(2)))
    torch.save(contents, tmp_path / "a.pth", pickle_protocol=protocol, _use_new_zipfile_serialization=archive)
    assert not is_bare_pickle(str(tmp_path / "a.pth"))
