"""A stranger's config builds networks, and reads, fetches, imports and runs nothing."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import Payload
from mmpretrain.registry import MODELS
from torch import nn

from slotcon_mm.checkpoints.build import build_from_checkpoint
from slotcon_mm.checkpoints.config_in_file import config_in_file, harmless, without_weights
from slotcon_mm.checkpoints.network_facts import NETWORK, facts_of_checkpoint
from slotcon_mm.evaluation.frozen.weights import network_of_weights

NARROW = "type='ResNet', depth=18, base_channels=8, stem_channels=8"
RAN = "ran"


def traps(folder: Path) -> dict[str, str]:
    """Configs that did what they should not: unpickled a file, fetched, imported, or read other weights."""
    pickled, module = f"{folder}/evil.pkl", "strange_module"
    nearby = "type='mmseg.CrossEntropyLoss', class_weight='evil.pkl'"
    loss = f"type='mmseg.CrossEntropyLoss', class_weight='{pickled}'"
    tracker = f"type='mmdet.CameraMotionCompensation', warp_mode='open(\"{RAN}\", \"w\")'"
    return {
        "class weights": f"model = dict(backbone=dict({loss}))",
        "class weights from an address": f"model = dict(backbone=dict({loss.replace(str(folder), 'http://0.0.0.0')}))",
        "class weights in the current folder": f"model = dict(backbone=dict({nearby}))",
        "preprocessor": f"model = dict(backbone=dict({NARROW}), data_preprocessor=dict({nearby}))",
        "layer": f"model = dict(backbone=dict({NARROW}, norm_cfg=dict({nearby})))",
        "evaluated text": f"model = dict(backbone=dict(type='mmdet.StrongSORTTracker', cmc=dict({tracker})))",
        "Hugging Face": f"model = dict(backbone=dict(type='HuggingFaceClassifier', model_name='{folder}', "
        "trust_remote_code=True))",
        "a file of timm's": "model = dict(backbone=dict(type='TIMMBackbone', model_name='resnet18', "
        f"pretrained_cfg='{folder}'))",
        "a folder of timm's": f"model = dict(backbone=dict(type='TIMMBackbone', model_name='local-dir:{folder}'))",
        "layers of timm's": "model = dict(backbone=dict(type='TIMMBackbone', model_name='resnet18', "
        f"norm_layer='{module}.Norm'))",
        "default scope": f"default_scope = '{module}'\nmodel = dict(backbone=dict({NARROW}))",
        "scope": f"model = dict(backbone=dict({NARROW}, norm_cfg=dict(type='BN', _scope_='{module}')))",
        "type": f"model = dict(backbone=dict(type='{module}.Norm'))",
        "no dict": "model = dict(backbone='os.system')",
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a pickle and a module that leave a trace."""
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Payload(tmp_path / RAN)))
    (tmp_path / "strange_module").mkdir()
    (tmp_path / "strange_module/__init__.py").write_text(f"open({str(tmp_path / RAN)!r}, 'w')\n")
    (tmp_path / "config.json").write_text('{"auto_map": {"AutoConfig": "strange_module.C"}, "model_type": "strange"}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "strange_module", raising=False)
    return tmp_path


READERS: dict[str, Callable[[dict[str, Any], Path], Any]] = {
    "facts": lambda checkpoint, path: facts_of_checkpoint(checkpoint),
    "evaluation": lambda checkpoint, path: network_of_weights(saved(checkpoint, path)),
}


def saved(checkpoint: dict[str, Any], path: Path) -> Path:
    torch.save(checkpoint, path)
    return path


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("trap", traps(Path()))
def test_a_trap_in_a_config_is_refused(trap, reader, folder):
    checkpoint = dict(state_dict={"conv1.weight": torch.ones(1)}, meta=dict(cfg=traps(folder)[trap]))
    with pytest.raises(ValueError, match=r"expected|cannot be built"):
        READERS[reader](checkpoint, folder / "a.pth")
    assert not (folder / RAN).exists()
    assert "strange_module" not in sys.modules


@pytest.mark.hosts
def test_a_trap_among_noted_facts_is_refused(folder):
    backbone = dict(type="mmseg.CrossEntropyLoss", class_weight=f"{folder}/evil.pkl")
    facts = dict(layers={}, strides=[], pixels=dict(mean=[0.0] * 3, std=[1.0] * 3, channels="RGB"), backbone=backbone)
    checkpoint = dict(state_dict={"conv1.weight": torch.ones(1)}, meta={NETWORK: facts})
    with pytest.raises(ValueError, match=r"expected layers and backbones in a file.s config, got mmseg\.Cr"):
        network_of_weights(saved(checkpoint, folder / "a.pth"))
    assert not (folder / RAN).exists()


@pytest.mark.hosts
def test_a_trap_in_a_pretrainings_model_is_refused(folder):
    loss = f"type='mmseg.CrossEntropyLoss', class_weight='{folder}/evil.pkl'"
    text = f"model = dict(type='slotcon_mm.SlotCon', backbone=dict({NARROW}), group_head=dict({loss}))"
    checkpoint = dict(state_dict={"teacher.neck.prototypes": torch.ones(2, 2)}, meta=dict(cfg=text))
    with pytest.raises(ValueError, match=r"expected layers and backbones in a file.s config, got mmseg\.Cr"):
        build_from_checkpoint(checkpoint)
    assert not (folder / RAN).exists()


@pytest.mark.hosts
def test_the_traps_are_real(folder):
    """Negative control: where MMEngine builds the config, the pickle runs."""
    MODELS.build(dict(type="mmseg.CrossEntropyLoss", class_weight="evil.pkl"))
    assert (folder / RAN).exists()


def test_what_loads_weights_is_left_out_at_any_depth():
    load = dict(type="Pretrained", checkpoint="https://0.0.0.0/a.pth")
    part = dict(
        type="A", init_cfg=load, pretrained="x", inner=[dict(type="B", init_cfg=load, checkpoint_path="y", c=1)]
    )
    assert without_weights(part) == dict(type="A", inner=[dict(type="B", c=1)])
    text = f"model = dict(backbone=dict({NARROW}, init_cfg={load}, norm_cfg=dict(type='BN', pretrained='x')))"
    found = config_in_file(dict(meta=dict(cfg=text)))
    assert found is not None
    assert found["model"]["backbone"]["norm_cfg"] == dict(type="BN")
    assert "init_cfg" not in found["model"]["backbone"]


@pytest.mark.parametrize("meta", [None, [], "text", {}, dict(cfg=5), dict(cfg="a = 1"), dict(cfg="model = [1]")])
def test_files_without_a_network_in_their_config_have_none(meta):
    assert config_in_file(dict(meta=meta)) is None


@pytest.mark.hosts
def test_backbones_layers_and_preprocessors_of_all_packages_pass():
    for kind, scope in (("ResNet", "mmpretrain"), ("mmdet.SwinTransformer", "mmpretrain"), ("BEiT", "mmseg")):
        assert harmless(dict(type=kind, norm_cfg=dict(type="LN"), act_cfg=dict(type="GELU")), scope)["type"] == kind
    for kind in ("mmpretrain.SelfSupDataPreprocessor", "mmdet.DetDataPreprocessor", "mmseg.SegDataPreProcessor"):
        assert harmless(dict(type=kind), "mmpretrain")
    assert harmless(dict(type="ResLayer"), "mmdet")
    assert harmless(dict(type="slotcon_mm.TimmFeatures", name="vit_base_patch16_224.augreg_in21k"), "mmpretrain")


def test_classes_of_the_users_own_code_pass():
    MODELS.register_module("MineOfThisTest", module=nn.Identity, force=True)
    with pytest.raises(ValueError, match="to name no other file or address, got a/b"):
        harmless(dict(type="MineOfThisTest", a="a/b"), "mmpretrain")
    Mine = type("Mine", (nn.Identity,), {"__module__": "my_code"})
    MODELS.register_module("MineOfThisTest", module=Mine, force=True)
    assert harmless(dict(type="MineOfThisTest"), "mmpretrain")


def test_a_network_without_end_is_not_built(tmp_path):
    arch = f"dict(embed_dims=1, num_layers={10**5}, num_heads=1, feedforward_channels=1)"
    wide = f"model = dict(backbone=dict(type='ResNet', depth=18, base_channels={10**5}, stem_channels={10**5}))"
    deep = f"model = dict(backbone=dict(type='VisionTransformer', arch={arch}))"
    for text in (wide, deep):
        checkpoint = dict(state_dict={"conv1.weight": torch.ones(1)}, meta=dict(cfg=text))
        with pytest.raises(ValueError, match="cannot be built and tried here"):
            facts_of_checkpoint(checkpoint)
        with pytest.raises(ValueError, match=r"more memory than its weights|at most 10,000 modules"):
            network_of_weights(saved(checkpoint, tmp_path / "a.pth"))


def test_a_config_that_is_refused_does_not_stop_who_names_the_network(tmp_path):
    network = MODELS.build(dict(type="ResNet", depth=18))
    text = "model = dict(backbone=dict(type='unknown.Backbone'))"
    path = saved(dict(state_dict=network.state_dict(), meta=dict(cfg=text)), tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"a.pth: expected types that are registered, got unknown.Backbone"):
        network_of_weights(path)
    assert network_of_weights(path, backbone="torchvision/resnet18").origin == "backbone"
