"""Which weights fit, and what is said of those that do not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmpretrain.models import ResNet, ResNetV1c
from torch import nn

from slotcon_mm.launch.pretrained import (
    Filling,
    backbone_tensors,
    check_fit,
    describe_start,
    parts_to_fill,
    use_pretrained,
)
from slotcon_mm.checkpoints.backbone import Backbone, backbone_of

MODEL = dict(a=torch.ones(2), b=torch.ones(3, 3))


def test_weights_of_the_same_model_fit():
    check_fit(MODEL, dict(MODEL), every=True)
    check_fit(MODEL, dict(a=torch.ones(2)), every=False)


@pytest.mark.parametrize(
    ("loaded", "every", "message"),
    [
        (dict(c=torch.ones(2)), False, "0 of 2 tensors fit.*missing: a, b; unexpected: c"),
        (dict(a=torch.ones(5), b=MODEL["b"]), False, r"of another shape: a \(5,\), expected \(2,\)"),
        (dict(a=torch.ones(2)), True, "1 of 2 tensors fit.*missing: b"),
        (dict(MODEL, x=torch.ones(1)), True, "unexpected: x"),
    ],
)
def test_weights_of_another_model_are_refused_with_the_list(loaded, every, message):
    with pytest.raises(ValueError, match=message):
        check_fit(MODEL, loaded, every=every)


def downstream(backbone: nn.Module) -> SimpleNamespace:
    return SimpleNamespace(backbone=backbone)


def filling(backbone: nn.Module) -> Filling:
    return Filling("weights.pth", Backbone(dict(backbone.state_dict()), "teacher", 4, ""))


def test_a_filled_backbone_is_told_in_one_line():
    backbone = ResNet(depth=18)
    line = filling(backbone).verify(downstream(backbone))
    assert line == "--pretrained: 120 of 120 backbone tensors filled from weights.pth (teacher, step 4)"


def test_a_tensor_that_kept_its_random_values_is_found():
    model = downstream(ResNet(depth=18))
    wanted = filling(model.backbone)
    model.backbone.conv1 = nn.Conv2d(3, 64, 7, bias=False)
    with pytest.raises(RuntimeError, match=r"other values in conv1.weight$"):
        wanted.verify(model)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (ResNet(depth=34), "missing: layer1.2.bn1.bias"),
        (ResNet(depth=18, base_channels=32), r"of another shape: layer1.0.bn1.bias \(64,\), expected \(32,\)"),
        (ResNetV1c(depth=18), "missing: stem.0.bn.bias.*unexpected: bn1.bias.*conv1.weight.*\n.*backbone.type=ResNet"),
    ],
)
def test_another_variant_stops_with_the_list(target, message):
    with pytest.raises(ValueError, match=message):
        filling(ResNet(depth=18)).check(downstream(target))


def test_a_shared_head_counts_as_the_backbones_last_stage():
    backbone, head = nn.Module(), nn.Module()
    backbone.layer3, head.layer4, head.norm = nn.Linear(1, 1), nn.Linear(1, 1), nn.BatchNorm1d(1)
    model = SimpleNamespace(backbone=backbone, roi_head=SimpleNamespace(shared_head=head))
    assert set(backbone_tensors(model)) == {"layer3.weight", "layer3.bias", "layer4.weight", "layer4.bias"}


def segmentor(**backbone: object) -> Config:
    return Config(dict(model=dict(type="EncoderDecoder", pretrained="x", backbone=dict(type="ResNet", **backbone))))


@pytest.mark.parametrize(("source", "prefix"), [(None, "teacher.backbone."), ("student", "backbone.")])
def test_a_downstream_backbone_starts_from_a_work_dirs_newest_checkpoint(tmp_path, source, prefix):
    state = {f"{p}conv1.weight": torch.ones(1) for p in ("teacher.backbone.", "backbone.")}
    torch.save(dict(state_dict=state), tmp_path / "epoch_2.pth")
    config = segmentor()
    note, filling = use_pretrained(config, str(tmp_path), source)
    assert note is None
    checkpoint = str(tmp_path / "epoch_2.pth")
    assert config.model.backbone.init_cfg == dict(type="Pretrained", checkpoint=checkpoint, prefix=prefix)
    assert "pretrained" not in config.model
    assert filling.file == checkpoint


def test_an_export_has_no_prefix_and_none_is_given(tmp_path):
    path = tmp_path / "backbone.pth"
    torch.save(dict(state_dict={"conv1.weight": torch.ones(1)}, meta=dict(source="teacher", step=1)), path)
    config = segmentor()
    use_pretrained(config, str(path), None)
    assert config.model.backbone.init_cfg == dict(type="Pretrained", checkpoint=str(path))


def test_scratch_takes_away_what_the_config_would_load():
    config = segmentor(init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet50"))
    assert "no --pretrained: the backbone starts from x" in describe_start(config)
    note, filling = use_pretrained(config, "scratch", None)
    assert "random weights" in note
    assert filling is None
    assert config.model.backbone.init_cfg is None
    with pytest.raises(ValueError, match="scratch, which loads nothing"):
        use_pretrained(config, "scratch", "student")
    assert "starts from random weights" in describe_start(config)


def test_pretraining_fills_both_and_so_takes_no_source(tmp_path):
    path = tmp_path / "epoch_1.pth"
    torch.save({}, path)
    config = Config(dict(model=dict(type="slotcon_mm.SlotCon")))
    note, filling = use_pretrained(config, str(path), None)
    assert "student and teacher start from" in note
    assert filling is None
    assert (config.load_from, config.resume) == (str(path), False)
    with pytest.raises(ValueError, match="with a downstream config only"):
        use_pretrained(config, str(path), "student")


def test_a_model_without_a_backbone_is_refused():
    with pytest.raises(ValueError, match="model with a backbone"):
        parts_to_fill(Config(dict(model=dict(type="Odd"))))


def test_files_that_mmengine_reads_without_this_package_hold_every_name(tmp_path):
    """mmdet's and mmseg's own scripts load by prefix, with torch's plain loader."""
    backbone = ResNet(depth=18)
    path: Path = tmp_path / "epoch_1.pth"
    torch.save(dict(state_dict={f"teacher.backbone.{k}": v for k, v in backbone.state_dict().items()}), path)
    target = ResNet(depth=18, init_cfg=dict(type="Pretrained", checkpoint=str(path), prefix="teacher.backbone."))
    target.init_weights()
    found = backbone_of(torch.load(path, weights_only=True))
    assert all(target.state_dict()[name].equal(value) for name, value in found.tensors.items())
