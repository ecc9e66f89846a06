"""A whole SlotMIM: trained, interrupted, resumed, and used by every tool that takes a SlotCon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from helpers import run_on_two_processes, run_tool
from mmengine.config import Config
from runs import (
    CONFIGS,
    SMALL_SLOTMIM,
    build_run,
    differences,
    interrupted_at,
    log_of,
    pretraining_options,
    run_state,
    train,
)

from slotcon_mm.checkpoints.build import build_from_checkpoint
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local

QUICKSTART = "slotmim_vit-t16_quickstart.py"


def options(scenes: Path, **more: Any) -> dict[str, Any]:
    return pretraining_options(scenes, epochs=3, **{**SMALL_SLOTMIM, **more})


@pytest.fixture(scope="module")
def trained(scenes, tmp_path_factory) -> Path:
    work_dir = tmp_path_factory.mktemp("slotmim")
    train(build_run(QUICKSTART, work_dir, options=options(scenes)))
    return work_dir


def test_an_interrupted_run_ends_in_the_same_bits_whatever_its_workers(trained, scenes, tmp_path):
    """With masks, paths that are dropped, and prototypes that are held in the first epoch."""
    interrupted_at(build_run(QUICKSTART, tmp_path, options=options(scenes)), iteration=6)
    more = {"train_dataloader.num_workers": 2, "train_dataloader.persistent_workers": True}
    train(build_run(QUICKSTART, tmp_path, options=options(scenes, **more), resume="latest"))
    whole = run_state(trained / "epoch_3.pth")
    assert differences(whole, run_state(tmp_path / "epoch_3.pth")) == []
    assert "log.train/loss_within_view.0" in whole


def test_prototypes_are_held_in_the_first_epoch_and_their_steps_count_from_then(trained, scenes, tmp_path):
    first, last = (load_from_safe_local(str(trained / f"epoch_{epoch}.pth"), "cpu") for epoch in (1, 3))
    start = build_run(QUICKSTART, tmp_path, options=options(scenes)).model
    start.init_weights()
    start = start.neck.prototypes
    assert torch.equal(first["state_dict"]["neck.prototypes"], start)
    assert not torch.equal(last["state_dict"]["neck.prototypes"], start)
    steps = {int(one["step"]) for one in last["optimizer"]["state"].values()}
    assert steps == {8, 12}


def on_rank(rank: int, scenes: str, work_dir: str) -> dict[str, Any]:
    more = {"train_dataloader.batch_size": 2, "model.backbone.drop_path_rate": 0.0}
    runner = train(build_run(QUICKSTART, Path(work_dir), options=options(Path(scenes), **more), launcher="pytorch"))
    return runner.model.module.state_dict()


def test_two_processes_train_as_one(scenes, tmp_path):
    one = {"model.backbone.drop_path_rate": 0.0}
    alone = train(build_run(QUICKSTART, tmp_path / "one", options=options(scenes, **one))).model.state_dict()
    (tmp_path / "two").mkdir()
    first, second = run_on_two_processes(on_rank, tmp_path / "two", str(scenes), str(tmp_path / "two/run"))
    for name, value in alone.items():
        assert torch.equal(first[name], second[name])
        if name.endswith("attn.qkv.bias"):  # softmax passes over keys' biases, and Adam makes their rounding large
            keys = slice(len(value) // 3, 2 * len(value) // 3)
            first[name][keys] = value[keys]
        torch.testing.assert_close(first[name], value, rtol=1e-3, atol=1e-4, msg=lambda m, n=name: f"{n}: {m}")


def test_images_are_grouped_and_prototypes_shown(trained, scenes, tmp_path):
    result = run_tool("tools/infer.py", str(trained), str(scenes / "val2017"), "--out-dir", str(tmp_path / "groups"))
    assert result.code == 0, result.said
    assert len(list((tmp_path / "groups").rglob("*.png"))) >= 6
    page = ["tools/visualize_slots.py", str(trained), str(scenes / "val2017"), "--out-dir", str(tmp_path / "page")]
    result = run_tool(*page, "--workers=0")
    assert result.code == 0, result.said
    assert list((tmp_path / "page").glob("*.html"))


def test_its_features_and_its_groups_are_scored(trained, scenes, tmp_path):
    config = tmp_path / "data.py"
    config.write_text((CONFIGS / "evaluation/scenes.py").read_text().replace("data/scenes", str(scenes)))
    measures = ["knn", "probe", "discovery"]
    result = run_tool("tools/evaluate.py", str(trained), "--data", str(config), "--measures", *measures, "--seeds", "1")
    assert result.code == 0, result.said
    header = next(line for line in result.said.splitlines() if "discovery" in line)
    assert "k-NN" in header
    assert "probe" in header


def test_an_export_is_timms_network(trained, scenes, tmp_path):
    file = tmp_path / "backbone.safetensors"
    result = run_tool("tools/convert_checkpoint.py", "backbone", str(trained), str(file), "--format", "timm")
    assert result.code == 0, result.said
    network = timm.models.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=64, depth=2, num_heads=1, mlp_ratio=1.5, num_classes=0
    ).eval()
    from safetensors.torch import load_file

    network.load_state_dict(load_file(file), strict=True)
    run = build_run(QUICKSTART, tmp_path / "run", options=options(scenes))
    run.model.load_state_dict(load_from_safe_local(str(trained / "epoch_3.pth"), "cpu")["state_dict"])
    run.model.eval()
    images = torch.rand(2, 3, 32, 32)
    expected = network.forward_features(images)[:, 1:].transpose(1, 2).reshape(2, 64, 4, 4)
    torch.testing.assert_close(run.model.teacher.backbone(images)[0], expected, rtol=1e-4, atol=1e-5)


def test_with_batch_normalization_as_in_the_quickstart_it_is_resumed_and_used(scenes, tmp_path):
    more = {"model.neck.norm": True, "model.slot_head.norm": True}
    train(build_run(QUICKSTART, tmp_path / "whole", options=options(scenes, **more)))
    interrupted_at(build_run(QUICKSTART, tmp_path / "parts", options=options(scenes, **more)), iteration=5)
    train(build_run(QUICKSTART, tmp_path / "parts", options=options(scenes, **more), resume="latest"))
    states = [run_state(tmp_path / part / "epoch_3.pth") for part in ("whole", "parts")]
    assert differences(*states) == []
    checkpoint = load_from_safe_local(str(tmp_path / "whole/epoch_3.pth"), "cpu")
    images = torch.rand(2, 3, 32, 32)
    of_config, of_shapes = map(build_from_checkpoint, (checkpoint, dict(state_dict=checkpoint["state_dict"])))
    assert type(of_shapes).__name__ == "SlotMIM"
    assert torch.equal(of_config.teacher(images).scores, of_shapes.teacher(images).scores)


def test_it_goes_to_the_authors_names_and_back(trained, tmp_path):
    for command, source, target in (
        ("to-official", trained, tmp_path / "official.pth"),
        ("from-official", tmp_path / "official.pth", tmp_path / "back.pth"),
    ):
        result = run_tool("tools/convert_checkpoint.py", command, str(source), str(target))
        assert result.code == 0, result.said
    back = load_from_safe_local(str(tmp_path / "back.pth"), "cpu")["state_dict"]
    there = load_from_safe_local(str(trained / "epoch_3.pth"), "cpu")["state_dict"]
    assert back.keys() == there.keys()
    assert all(torch.equal(back[name], value) for name, value in there.items())


def test_it_starts_from_a_vision_transformers_weights(trained, scenes, tmp_path):
    weights = tmp_path / "vit.pth"
    network = timm.models.VisionTransformer(
        img_size=64, patch_size=8, embed_dim=64, depth=2, num_heads=1, mlp_ratio=1.5, num_classes=10
    )
    torch.save(network.state_dict(), weights)
    more = {f"--cfg-options={key}={value}" for key, value in options(scenes).items() if not isinstance(value, dict)}
    arch = [f"model.backbone.arch.{key}={value}" for key, value in SMALL_SLOTMIM["model.backbone.arch"].items()]
    given = [one.removeprefix("--cfg-options=") for one in sorted(more)]
    result = run_tool(
        "tools/train.py", str(CONFIGS / QUICKSTART), "--work-dir", str(tmp_path / "run"), "--pretrained", str(weights),
        "--cfg-options", *arch, *given, "train_cfg.max_epochs=2", "param_scheduler.0.warmup=0.5",
    )  # fmt: skip
    assert result.code == 0, result.said
    assert "30 of 31 student's backbone tensors" in result.said.replace("\n", " "), result.said
    assert "mask_token" in result.said


def test_a_run_that_is_too_short_for_what_it_begins_with_says_so(scenes, tmp_path):
    with pytest.raises(ValueError, match=r"custom_hooks\.3\.epochs below the run's 3 epochs, got 5: .*=0, or raise"):
        build_run(QUICKSTART, tmp_path, options=options(scenes, **{"custom_hooks.3.epochs": 5}))
    build_run(QUICKSTART, tmp_path, options=options(scenes, **{"model.temperature_epochs": 9}))
    assert "model.temperature_epochs=9 is more than the run's 3 epochs" in log_of(tmp_path)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("**/slotmim_*.py")), ids=lambda path: path.stem)
def test_every_config_names_parts_that_fit(path):
    """The numbers that must go together; the sizes of real models are not built here."""
    config = Config.fromfile(path)
    backbone, neck = config.model.backbone, config.model.neck
    channels = {"base": 768, "deit-small": 384}.get(backbone.arch if isinstance(backbone.arch, str) else "")
    assert neck.in_channels == (channels or backbone.arch["embed_dims"])
    views = config.train_dataloader.dataset.pipeline[1]
    assert views["size"] == backbone.img_size
    if views.get("mask"):
        assert views["mask"].get("patch_size", 16) == backbone.patch_size
    assert neck.temperature == config.model.group_head.teacher_temperature
    assert neck.norm == config.model.slot_head.norm == (path.name == QUICKSTART)
    assert bool(views.get("mask")) or config.model.within_view_weight == 0
