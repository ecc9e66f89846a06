"""Pretrainings that start from weights of any library: student and teacher are filled, and the log says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from helpers import run_tool
from mmengine.runner import Runner
from mmpretrain.models import ResNet, VisionTransformer
from other_libraries import lived_in, prefixed, saved
from runs import CONFIGS, build_run, interrupted_at, log_of, pretraining_options, train, training_arguments

from slotcon_mm.checkpoints.formats import in_library
from slotcon_mm.evaluation.frozen.weights import network_of_weights
from slotcon_mm.launch import training
from slotcon_mm.launch.runner import build_runner
from slotcon_mm.launch.start_checks import check_start

QUICKSTART = "slotcon_r18_quickstart.py"
RESNET = dict(depth=18, base_channels=16, stem_channels=16)  # as the quickstart's
TRANSFORMER: dict[str, Any] = dict(arch=dict(embed_dims=12, num_layers=2, num_heads=2, feedforward_channels=24))


def started(work_dir: Path, scenes: Path, *given: str, **options: Any) -> Runner:
    """Before its first step."""
    args = training_arguments(CONFIGS / QUICKSTART, "--work-dir", str(work_dir), "--pretrained", *given)
    args.cfg_options = pretraining_options(scenes, epochs=2, **options)
    start = training.prepare_training(args)
    start.config.experiment_name = f"{work_dir.parent.name}-{work_dir.name}"  # two runs of one second are told apart
    runner = build_runner(start.config, start.notes)
    check_start(runner, start.weights)
    interrupted_at(runner, iteration=0)
    return runner


def expect_filled(runner: Runner, state: dict[str, torch.Tensor]) -> None:
    for backbone in (runner.model.backbone, runner.model.teacher.backbone):
        found = backbone.state_dict()
        assert found.keys() == state.keys()
        assert {name for name, value in state.items() if not value.equal(found[name])} == set()
    assert runner.model.teacher.steps == 0
    assert runner.iter == 0


@pytest.mark.parametrize(
    ("source", "side", "called"), [(None, "teacher", "encoder_k"), ("student", "student", "encoder_q")]
)
def test_a_file_of_moco_fills_student_and_teacher_before_the_first_step(scenes, tmp_path, source, side, called):
    both = {"student": lived_in(ResNet(**RESNET), 1), "teacher": lived_in(ResNet(**RESNET), 2)}
    state = {
        **prefixed("module.encoder_q.", both["student"].state_dict()),
        **prefixed("module.encoder_k.", both["teacher"].state_dict()),
    }
    path = saved(dict(epoch=200, state_dict=state), tmp_path / "moco_v2.pth.tar")
    options = ["--pretrained-source", source] if source else []
    runner = started(tmp_path / "run", scenes, str(path), *options)
    expect_filled(runner, both[side].state_dict())
    assert (
        "--pretrained: 120 of 120 student's backbone tensors and 120 of 120 teacher's backbone tensors filled from "
        f"{path} ({side}: {called}); all other parts start from random weights"
    ) in log_of(tmp_path / "run")


def test_an_exported_backbone_of_a_run_starts_another_with_fewer_prototypes(scenes, tmp_path):
    train(build_run(QUICKSTART, tmp_path / "first", options=pretraining_options(scenes, epochs=2)))
    exported = tmp_path / "backbone.pth"
    result = run_tool("tools/convert_checkpoint.py", "backbone", str(tmp_path / "first"), str(exported))
    assert result.code == 0, result.said
    runner = started(tmp_path / "second", scenes, str(exported), **{"model.neck.num_prototypes": 8})
    state = torch.load(tmp_path / "first/epoch_2.pth", weights_only=True)["state_dict"]
    expect_filled(
        runner, {n.removeprefix("teacher.backbone."): v for n, v in state.items() if n.startswith("teacher.backbone.")}
    )
    assert "(teacher, step 8)" in log_of(tmp_path / "second")
    assert runner.train_loop.max_iters == 8


def test_a_vision_transformer_of_torchvision_is_translated_and_its_positions_are_resized(scenes, tmp_path):
    theirs = VisionTransformer(**TRANSFORMER, img_size=48, out_type="featmap")
    lived_in(theirs)
    by_torchvision, _ = in_library(theirs.state_dict(), "torchvision")
    path = saved(prefixed("module.", by_torchvision), tmp_path / "vit.pth")
    backbone = dict(type="VisionTransformer", **TRANSFORMER, img_size=64, out_type="featmap")
    options = {f"model.backbone.{name}": value for name, value in backbone.items()}
    runner = started(tmp_path / "run", scenes, str(path), **options, **{"model.neck.in_channels": 12})
    assert runner.model.teacher.backbone.layers[1].attn.qkv.weight.equal(theirs.layers[1].attn.qkv.weight)
    said = log_of(tmp_path / "run")
    assert "position embeddings resized from 3 x 3 to 4 x 4 (bicubic)" in said
    assert "30 of 30 teacher's backbone tensors" in said
    assert "by the names of torchvision" in said


def test_a_network_of_timm_is_a_backbone_that_is_filled_trained_and_measured(scenes, tmp_path):
    timm = pytest.importorskip("timm")
    theirs = lived_in(timm.create_model("test_vit", num_classes=3))
    path = saved(dict(state_dict_ema=theirs.state_dict()), tmp_path / "model_best.pth.tar")
    channels = theirs.num_features
    options = {"model.backbone.type": "slotcon_mm.TimmFeatures", "model.backbone.name": "test_vit"}
    runner = started(tmp_path / "run", scenes, str(path), **options, **{"model.neck.in_channels": channels})
    state = {f"network.{name}": value for name, value in theirs.state_dict().items() if not name.startswith("head.")}
    expect_filled(runner, state)
    train(build_run(QUICKSTART, tmp_path / "whole", options={
        **pretraining_options(scenes, epochs=2), **options, "model.neck.in_channels": channels,
    }))  # fmt: skip
    found = network_of_weights(tmp_path / "whole").encode(torch.rand(1, 3, 64, 96))
    assert found.features.shape == (1, channels, 4, 6)


def test_an_address_of_torchvision_is_taken_from_its_cache_and_compared(scenes, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    network = lived_in(torchvision.models.resnet18(num_classes=3))
    (tmp_path / "hub/checkpoints").mkdir(parents=True)
    url = torchvision.models.ResNet18_Weights.DEFAULT.url
    torch.save(network.state_dict(), tmp_path / "hub/checkpoints" / url.rpartition("/")[2])
    options = {"model.backbone.base_channels": 64, "model.backbone.stem_channels": 64, "model.neck.in_channels": 512}
    runner = started(tmp_path / "run", scenes, "torchvision://resnet18", **options)
    expect_filled(runner, {name: value for name, value in network.state_dict().items() if not name.startswith("fc.")})
    said = log_of(tmp_path / "run")
    assert "left over: fc.weight, fc.bias" in said
    assert "restore it by --cfg-options 'model.backbone.strides=[1,2,2,2]'" in said


def test_what_is_missing_stops_the_run_with_the_list(scenes, tmp_path):
    state = ResNet(**RESNET).state_dict()
    del state["conv1.weight"]
    path = saved(prefixed("backbone.", state), tmp_path / "no_stem.pth")
    with pytest.raises(ValueError, match=r"no_stem.pth does not fill the backbone: .*missing: conv1.weight"):
        started(tmp_path / "run", scenes, str(path))
