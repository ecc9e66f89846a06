"""Where a model's weights come from."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torchvision
from mmengine.config import Config
from mmpretrain.models import ResNet

from slotcon_mm.checkpoints.backbone import backbone_of
from slotcon_mm.launch.network_checks import Caution
from slotcon_mm.launch.pretrained import describe_start, parts_to_fill, use_pretrained


def segmentor(**backbone: object) -> Config:
    return Config(dict(model=dict(type="EncoderDecoder", pretrained="x", backbone=dict(type="ResNet", **backbone))))


@pytest.mark.parametrize(("source", "prefix"), [(None, "teacher.backbone."), ("student", "backbone.")])
def test_a_downstream_backbone_starts_from_a_work_dirs_newest_checkpoint(tmp_path, source, prefix):
    state = {f"{p}conv1.weight": torch.ones(1) for p in ("teacher.backbone.", "backbone.")}
    torch.save(dict(state_dict=state), tmp_path / "epoch_2.pth")
    config = segmentor()
    _, weights = use_pretrained(config, str(tmp_path), source)
    checkpoint = str(tmp_path / "epoch_2.pth")
    assert config.model.backbone.init_cfg == dict(type="Pretrained", checkpoint=checkpoint, prefix=prefix)
    assert "pretrained" not in config.model
    assert (weights.file, weights.source) == (checkpoint, source)


def test_an_export_has_no_prefix_and_none_is_given(tmp_path):
    path = tmp_path / "backbone.pth"
    torch.save(dict(state_dict={"conv1.weight": torch.ones(1)}, meta=dict(source="teacher", step=1)), path)
    config = segmentor()
    use_pretrained(config, str(path), None)
    assert config.model.backbone.init_cfg == dict(type="Pretrained", checkpoint=str(path))


def test_scratch_takes_away_what_the_config_would_load():
    config = segmentor(init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet50"))
    assert describe_start(config) == ["no --pretrained: the backbone starts from x, as the config says"]
    notes, weights = use_pretrained(config, "scratch", None)
    assert notes == ["--pretrained scratch: the backbone starts from random weights"]
    assert weights is None
    assert config.model.backbone.init_cfg is None
    with pytest.raises(ValueError, match="scratch, which loads nothing"):
        use_pretrained(config, "scratch", "student")
    assert describe_start(config) == ["no --pretrained: the backbone starts from random weights"]


def test_a_pretraining_starts_from_the_whole_of_another_and_so_takes_no_source(tmp_path):
    path = tmp_path / "epoch_1.pth"
    torch.save(dict(state_dict={"neck.prototypes": torch.ones(1)}), path)
    config = Config(dict(model=dict(type="slotcon_mm.SlotCon")))
    notes, weights = use_pretrained(config, str(path), None)
    assert "student and teacher start from" in notes[0]
    assert weights is None
    assert (config.load_from, config.resume) == (str(path), False)
    with pytest.raises(ValueError, match=r"fills both: for the backbone alone run .* FILE --source student"):
        use_pretrained(config, str(path), "student")


SLOTCON = dict(type="slotcon_mm.SlotCon", backbone=dict(type="ResNet", depth=18, init_cfg=dict(type="Pretrained")))


def test_a_pretraining_takes_a_backbone_alone_and_asks_for_student_and_teacher_to_be_filled(tmp_path):
    path = tmp_path / "resnet18.pth"
    torch.save(torchvision.models.resnet18(num_classes=2).state_dict(), path)
    config = Config(dict(model=copy.deepcopy(SLOTCON), default_scope="mmpretrain"))
    notes, weights = use_pretrained(config, str(path), "student")
    assert (weights.file, weights.source) == (str(path), "student")
    assert "init_cfg" not in config.model.backbone
    assert config.get("load_from") is None
    assert "was not compared (it carries no config)" in notes[0]


def test_names_that_mmengine_cannot_translate_are_left_to_the_filling(tmp_path):
    path = tmp_path / "moco.pth"
    state = {f"module.encoder_q.{k}": v for k, v in torchvision.models.resnet18(num_classes=2).state_dict().items()}
    torch.save(dict(state_dict=state), path)
    config = segmentor(depth=18, init_cfg=dict(type="Pretrained", checkpoint="x"))
    _, weights = use_pretrained(config, str(path), None)
    assert "init_cfg" not in config.model.backbone
    target = ResNet(depth=18)
    weights.fit(SimpleNamespace(backbone=target)).fill(SimpleNamespace(backbone=target))
    assert target.conv1.weight.equal(state["module.encoder_q.conv1.weight"])


def test_a_named_network_of_timm_is_compared(tmp_path, monkeypatch):
    pytest.importorskip("timm")
    monkeypatch.setattr("slotcon_mm.checkpoints.timm_weights.find", lambda *given: tmp_path / "w.pth")
    torch.save(dict(w=torch.ones(1)), tmp_path / "w.pth")
    model = dict(type="slotcon_mm.SlotCon", backbone=dict(type="VisionTransformer", arch="deit-tiny"))
    config = Config(dict(model=model, default_scope="mmpretrain"))
    (note,) = use_pretrained(config, "timm://vit_tiny_patch16_224.augreg_in21k_ft_in1k", None)[0]
    assert isinstance(note, Caution)
    assert "mean of the pixels" in note
    assert "eps" not in note


def test_files_that_say_nothing_are_compared_by_what_their_names_tell(tmp_path):
    path = tmp_path / "convnext.pth"
    torch.save(torchvision.models.convnext_tiny(num_classes=2).state_dict(), path)
    backbone = dict(type="ConvNeXt", arch="tiny", gap_before_final_norm=False, norm_cfg=dict(type="LN2d", eps=1e-5))
    config = Config(dict(model=dict(type="slotcon_mm.SlotCon", backbone=backbone), default_scope="mmpretrain"))
    unknown, caution = use_pretrained(config, str(path), None)[0]
    assert not isinstance(unknown, Caution)
    assert isinstance(caution, Caution)
    assert "the names of torchvision differ from the config's" in caution
    assert "eps: 1e-05 instead of 1e-06" in caution
    assert "restore it by --cfg-options model.backbone.norm_cfg" in caution


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
