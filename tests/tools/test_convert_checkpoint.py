"""The converter's command line."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import pytest
import torch
import torchvision
from helpers import ToolResult, run_tool
from mmpretrain.models import ConvNeXt, ResNet

from slotcon_mm.checkpoints.formats import FORMATS
from slotcon_mm.checkpoints.network_facts import facts_in
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local


def convert(*arguments: object) -> ToolResult:
    return run_tool("tools/convert_checkpoint.py", *map(str, arguments))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A work dir with a checkpoint of names and small tensors, its backbones real."""
    folder = tmp_path_factory.mktemp("run")
    state = {}
    for side in ("teacher.", ""):
        backbone = ResNet(depth=18, base_channels=64).state_dict()
        state |= {f"{side}backbone.{name}": value for name, value in backbone.items()}
        state |= {f"{side}neck.projector.0.weight": torch.ones(2), f"{side}neck.prototypes": torch.ones(3, 2)}
    state |= {"slot_head.predictor.0.weight": torch.ones(2), "group_head.center": torch.ones(1, 3)}
    state["teacher.steps"] = torch.tensor(9)
    torch.save(dict(state_dict=state, meta=dict(epoch=4, iter=9), optimizer=dict(state={})), folder / "epoch_4.pth")
    return folder


def test_there_and_back_again_gives_every_bit_back(run, tmp_path):
    there = convert("to-official", run, tmp_path / "official.pth")
    assert there.code == 0, there.said
    official = torch.load(tmp_path / "official.pth", weights_only=True)
    official["args"] = argparse.Namespace(arch="resnet18")
    torch.save(official, tmp_path / "with_args.pth")
    back = convert("from-official", tmp_path / "with_args.pth", tmp_path / "back.pth")
    assert back.code == 0, back.said
    before = torch.load(run / "epoch_4.pth", weights_only=True)["state_dict"]
    after = torch.load(tmp_path / "back.pth", weights_only=True)["state_dict"]
    assert before.keys() == after.keys()
    assert all(before[name].equal(after[name]) for name in before)
    sha256 = hashlib.sha256((tmp_path / "back.pth").read_bytes()).hexdigest()
    assert f"{len(after)} tensors, sha256 {sha256}" in back.said


@pytest.mark.parametrize(("source", "prefix"), [("teacher", "teacher.backbone."), ("student", "backbone.")])
def test_a_torchvision_backbone_is_the_one_asked_for(run, tmp_path, source, prefix):
    done = convert("backbone", run, tmp_path / "b.pth", "--format", "torchvision", "--source", source)
    assert f"120 tensors ({source}, step 9)" in done.said
    model = torchvision.models.resnet18()
    missing = model.load_state_dict(torch.load(tmp_path / "b.pth", weights_only=True), strict=False)
    assert missing.missing_keys == ["fc.weight", "fc.bias"]
    assert missing.unexpected_keys == []
    wanted = torch.load(run / "epoch_4.pth", weights_only=True)["state_dict"]
    assert model.layer2[0].conv1.weight.equal(wanted[f"{prefix}layer2.0.conv1.weight"])


def test_an_export_for_detectron2_says_what_it_must_be_used_with(run, tmp_path):
    done = convert("backbone", run, tmp_path / "b.pkl", "--format", "detectron2")
    assert "120 tensors (teacher, step 9)" in done.said
    for line in ("FORMAT: RGB", "PIXEL_STD: [58.395, 57.12, 57.375]", "FREEZE_AT: 0", "STRIDE_IN_1X1: false"):
        assert line in done.said


def test_a_published_file_has_no_optimizer(run, tmp_path):
    done = convert("publish", run, tmp_path / "p.pth")
    path = Path(done.said.partition(":")[0])
    assert path.stem.removeprefix("p-") == hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    assert set(torch.load(path, weights_only=True)) == {"state_dict", "meta"}


def test_errors_are_one_line(run, tmp_path):
    (tmp_path / "there.pth").touch()
    for arguments, message in [
        (("to-official", tmp_path / "absent.pth", tmp_path / "x.pth"), "does not exist"),
        (("backbone", run, tmp_path / "there.pth"), "remove it first"),
        (("from-official", run, tmp_path / "x.pth"), "without a counterpart"),
    ]:
        done = convert(*arguments)
        assert done.code == 1
        assert done.last_line().startswith("error: expected")
        assert message in done.last_line()


@pytest.fixture(scope="module")
def stride_8(run, tmp_path_factory) -> Path:
    """The checkpoint of a pretraining at stride 8, which says so by its config."""
    config = (
        "default_scope = 'mmpretrain'\n"
        "model = dict(type='slotcon_mm.SlotCon', backbone=dict(type='ResNet', depth=18, strides=(1, 2, 1, 1)))"
    )
    checkpoint = torch.load(run / "epoch_4.pth", weights_only=True)
    checkpoint["meta"]["cfg"] = config
    path = tmp_path_factory.mktemp("stride-8") / "epoch_4.pth"
    torch.save(checkpoint, path)
    return path


@pytest.mark.parametrize(
    ("command", "options"),
    [("publish", ()), ("to-official", ()), *(("backbone", ("--format", one)) for one in FORMATS)],
    ids=str,
)
def test_every_written_file_carries_the_network_of_its_weights(stride_8, tmp_path, command, options):
    done = convert(command, stride_8, tmp_path / "w.pth", *options)
    assert done.code == 0, done.said
    (path,) = tmp_path.glob("w*.pth")
    network = facts_in(load_from_safe_local(str(path)))
    assert network["layers"]["layer4.1.conv2"]["step"] == 8
    if "detectron2" in options:
        assert "Detectron2 makes other features of these weights: distance between taps" in done.said
        return
    leaves_our_hands = command == "to-official" or bool(options and options[1] != "mm")
    assert ("makes other features of these weights" in done.said) is leaves_our_hands
    if leaves_our_hands:
        assert "32 instead of 8 in layer4.0.conv2" in done.said


def test_a_file_that_does_not_say_its_network_is_said_in_a_line(run, tmp_path):
    done = convert("backbone", run, tmp_path / "b.pth")
    assert "does not say which network its weights are of: it carries no config" in done.said


def test_a_convnext_goes_to_torchvisions_names_in_a_file_of_safetensors(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    backbone = dict(type="ConvNeXt", arch="tiny", gap_before_final_norm=False, norm_cfg=dict(type="LN2d", eps=1e-5))
    network = ConvNeXt(**{name: value for name, value in backbone.items() if name != "type"})
    state = {f"teacher.backbone.{name}": value for name, value in network.state_dict().items()}
    config = f"default_scope = 'mmpretrain'\nmodel = dict(type='slotcon_mm.SlotCon', backbone={backbone})"
    torch.save(dict(state_dict=state, meta=dict(iter=3, cfg=config)), tmp_path / "epoch_1.pth")
    target = tmp_path / "c.safetensors"
    done = convert("backbone", tmp_path / "epoch_1.pth", target, "--format", "torchvision")
    assert done.code == 0, done.said
    assert "warning: torchvision makes other features of these weights unless told otherwise: eps" in done.said
    model = torchvision.models.convnext_tiny()
    missing = model.load_state_dict(safetensors.load_file(target), strict=False)
    assert missing.missing_keys == ["classifier.2.weight", "classifier.2.bias"]
    assert missing.unexpected_keys == []
    assert model.features[1][0].layer_scale.flatten().equal(network.stages[0][0].gamma)
