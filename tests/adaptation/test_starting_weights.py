"""Weights to start from, and the config of their network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers import write_tiny_checkpoint
from mmengine.config import Config
from mmpretrain.registry import MODELS

from slotcon_mm.adaptation.start import CONFIGS, FOLDER, config_for, write_start
from slotcon_mm.checkpoints.registered import build_registered
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local

timm = pytest.importorskip("timm")


def saved(tmp_path: Path, name: str, **options: object) -> str:
    torch.manual_seed(0)
    file = tmp_path / f"{name}.pth"
    torch.save(timm.create_model(name, pretrained=False, **options).state_dict(), file)
    return str(file)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("resnet50", "slotcon_r50_folder"),
        ("convnext_tiny", "slotcon_convnext-t_folder"),
        ("vit_small_patch16_224", "slotcon_vit-s16_folder"),
        ("vit_small_patch14_dinov2", "slotcon_vit-s14_folder"),
    ],
)
def test_the_config_is_that_of_the_weights_network(tmp_path, name, config):
    assert config_for(saved(tmp_path, name)).stem == config


def test_options_that_change_the_network_count(tmp_path):
    given = saved(tmp_path, "vit_small_patch14_reg4_dinov2")
    with pytest.raises(ValueError, match="pass --config"):
        config_for(given)
    assert (
        config_for(given, ["model.backbone.type=slotcon_mm.RegisterVisionTransformer"]).stem == "slotcon_vit-s14_folder"
    )


def test_options_that_other_networks_do_not_know_leave_them_out(tmp_path):
    given = saved(tmp_path, "vit_tiny_patch16_224")
    options = ["model.backbone.arch=deit-tiny", "model.neck.in_channels=192"]
    assert config_for(given, options).stem == "slotcon_vit-s16_folder"


def test_the_start_holds_the_weights_bit_for_bit_by_the_names_of_the_config(tmp_path):
    given = saved(tmp_path, "resnet50")
    config = Config.fromfile(config_for(given))
    assert write_start(given, config, tmp_path / "start.pth") == given
    start = load_from_safe_local(str(tmp_path / "start.pth"), "cpu")
    weights = torch.load(given, weights_only=True)
    assert set(start["state_dict"]) == {name for name in weights if not name.startswith("fc.")}
    assert all(value.equal(weights[name]) for name, value in start["state_dict"].items())
    assert start["meta"]["views"] == [224, 224]


def test_dinov2s_weights_fill_slotmims_network_whose_mask_token_starts_at_0(tmp_path):
    theirs = timm.create_model("vit_small_patch14_dinov2", pretrained=False, img_size=224).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():  # layers that start at a scale of 1e-5 would not be seen
            parameter.add_(0.1 * torch.randn_like(parameter))
    given = str(tmp_path / "dinov2.pth")
    torch.save(theirs.state_dict(), given)
    config = Config.fromfile(FOLDER / "slotmim_vit-s14_folder.py")
    write_start(given, config, tmp_path / "start.pth")
    network = build_registered(config.model.backbone.to_dict(), "mmpretrain")
    network.eval()
    network.load_state_dict(load_from_safe_local(str(tmp_path / "start.pth"), "cpu")["state_dict"], strict=True)
    assert network.mask_token.abs().max() == 0
    images = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        expected = theirs.forward_features(images)[:, 1:].transpose(1, 2).reshape(1, 384, 16, 16)
        torch.testing.assert_close(network(images)[0], expected, rtol=1e-4, atol=1e-4)


def test_a_whole_pretraining_gives_its_teachers_backbone_alone(tmp_path):
    folder = write_tiny_checkpoint(tmp_path)
    checkpoint = load_from_safe_local(str(folder / "epoch_1.pth"), "cpu")
    config = Config.fromfile(FOLDER / "slotcon_r50_folder.py")
    begin_from = write_start(str(folder), config, tmp_path / "start.pth")
    assert begin_from == str(tmp_path / "start.pth")
    start = load_from_safe_local(begin_from, "cpu")["state_dict"]
    teacher = {name: value for name, value in checkpoint["state_dict"].items() if name.startswith("teacher.backbone.")}
    assert {f"teacher.backbone.{name}" for name in start} == set(teacher)
    assert all(value.equal(teacher[f"teacher.backbone.{name}"]) for name, value in start.items())


def test_weights_of_no_shipped_network_ask_for_a_config(tmp_path):
    with pytest.raises(ValueError, match=r"slotcon_vit-s14_folder.*pass --config"):
        config_for(saved(tmp_path, "resnet18d"))


def test_every_shipped_config_is_there_and_trains_a_slotcon():
    """SlotMIM's have the networks of others, and are chosen by name."""
    assert {path.stem for path in FOLDER.glob("slotcon_*.py")} == set(CONFIGS)
    for name in CONFIGS:
        model = Config.fromfile(FOLDER / f"{name}.py").model
        assert model.type == "slotcon_mm.SlotCon"
        backbone = MODELS.build({"_scope_": "mmpretrain", **model.backbone})
        maps = backbone(torch.zeros(1, 3, 64, 64)) if "r18" in name else None
        assert maps is None or maps[-1].shape[1] == model.neck.in_channels
