"""A backbone is tried on one view before a run, and what it lacks is said with what to set."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers import run_on_two_processes
from mmengine.config import Config
from mmpretrain.models import VisionTransformer
from runs import CONFIGS, build_run, pretraining_options
from torch import nn

from slotcon_mm.launch.backbone_checks import expect_masks_that_fit, expect_strides_of_patches, try_backbone
from slotcon_mm.launch.overrides import merge_overrides
from slotcon_mm.models.algorithms.linear_probe import LinearProbe
from slotcon_mm.models.necks.simple_feature_pyramid import SimpleFeaturePyramid
from slotcon_mm.registry import MODELS

VIEW = (64, 64)


def slotcon(in_channels: int, in_index: int = -1, **backbone: Any) -> nn.Module:
    config = Config.fromfile(CONFIGS / "slotcon_r18_quickstart.py").model
    config.backbone = backbone
    config.neck.update(in_channels=in_channels, hidden_channels=8, in_index=in_index)
    config.slot_head.hidden_channels = 8
    return MODELS.build(config)


GIVE_MAPS = {
    "ConvNeXt": (dict(type="ConvNeXt", arch="atto", gap_before_final_norm=False), 320),
    "Swin": (dict(type="SwinTransformer", arch="tiny", pad_small_map=True), 768),
    "RegNet": (dict(type="RegNet", arch="regnetx_400mf"), 384),
    "MobileNetV2": (dict(type="MobileNetV2"), 1280),
    "EfficientNet": (dict(type="EfficientNet", arch="b0"), 1280),
    "DeiT": (dict(type="VisionTransformer", arch="deit-tiny", out_type="featmap"), 192),
}


@pytest.mark.parametrize("name", GIVE_MAPS)
def test_a_backbone_with_a_map_of_these_channels_passes_and_stays_as_it_is(name):
    backbone, channels = GIVE_MAPS[name]
    model = slotcon(channels, **backbone).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    drawn = torch.get_rng_state()
    assert try_backbone(model, VIEW) == []
    assert model.backbone.training
    assert torch.equal(drawn, torch.get_rng_state())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


LACKING = {
    "other channels": (
        dict(type="ResNet", depth=18),
        r"feature map, 512 \(512 x 2 x 2 for a view of 64 x 64\), got 100: set model.neck.in_channels=512$",
    ),
    "a pooled vector": (
        dict(type="ConvNeXt", arch="atto"),
        r"shape \(1, 320\) from ConvNeXt: set model.backbone.gap_before_final_norm=False model.neck.in_channels=320$",
    ),
    "a class token": (
        dict(type="VisionTransformer", arch="deit-tiny"),
        r"from VisionTransformer: set model.backbone.out_type=featmap model.neck.in_channels=192$",
    ),
    "two tokens": (
        dict(type="DistilledVisionTransformer", arch="deit-tiny"),
        r"got a tuple from DistilledVisionTransformer: set model.backbone.out_type=featmap$",
    ),
    "views that are too small": (
        dict(type="SwinTransformer", arch="tiny"),
        r"64 x 64, got from SwinTransformer: .*window size.*; set model.backbone.pad_small_map=True, or another",
    ),
    "views of another size": (
        dict(type="BEiTViT", arch="deit-tiny", out_type="featmap"),
        r"got from BEiTViT: .*; set model.backbone.img_size=\[64,64\], or another size of the views",
    ),
}


@pytest.mark.parametrize("case", LACKING)
def test_what_is_to_be_set_is_said(case):
    backbone, message = LACKING[case]
    with pytest.raises(ValueError, match=message):
        try_backbone(slotcon(100, **backbone), VIEW)


def test_views_are_whole_patches():
    """Others are filled up, and what two views share would be looked for elsewhere."""
    backbone = dict(type="VisionTransformer", arch="deit-tiny", out_type="featmap", img_size=64)
    with pytest.raises(ValueError, match=r"whole patches of 16 x 16 pixels, got 64 x 72: set .*size to a multiple of"):
        try_backbone(slotcon(192, **backbone), (64, 72))


@pytest.mark.parametrize(("index", "channels"), [(1, 36), (-1, 144)])
def test_of_several_maps_the_one_that_is_taken_is_said(index, channels):
    hrnet = dict(type="HRNet", arch="w18")
    (note,) = try_backbone(slotcon(channels, index, **hrnet), VIEW)
    assert "HRNet gives the maps 18 x 16 x 16, 36 x 8 x 8, 72 x 4 x 4, 144 x 2 x 2" in note
    assert f"is taken (model.neck.in_index={index})" in note
    with pytest.raises(ValueError, match=r"in_index as one of HRNet's 4 feature maps, got 4"):
        try_backbone(slotcon(channels, 4, **hrnet), VIEW)


def test_a_linear_probe_is_tried_as_well():
    model = LinearProbe(dict(type="mmpretrain.ConvNeXt", arch="atto"), in_channels=100, num_classes=3)
    with pytest.raises(ValueError, match=r"gap_before_final_norm=False model.in_channels=320"):
        try_backbone(model, VIEW)
    model = LinearProbe(dict(type="mmpretrain.ResNet", depth=18), in_channels=100, num_classes=3)
    with pytest.raises(ValueError, match=r"set model.in_channels=512"):
        try_backbone(model, VIEW)


def test_models_of_the_hosts_are_theirs_to_check():
    assert try_backbone(nn.Linear(1, 1), VIEW) == []


def test_rectangular_views_are_tried_in_their_shape():
    with pytest.raises(ValueError, match=r"512 x 3 x 6 for a view of 96 x 192"):
        try_backbone(slotcon(100, type="ResNet", depth=18), (96, 192))


# Masks and strides ----------------------------------------------------------------------------------------------------

VIEWS = "train_dataloader.dataset.pipeline.1"


def slotmim(**options: Any) -> tuple[nn.Module, Any]:
    config = Config.fromfile(CONFIGS / "slotmim_vit-t16_quickstart.py")
    merge_overrides(config, options)
    return MODELS.build(config.model), config.train_dataloader.dataset.pipeline[1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"model.backbone.patch_size": 32},
            rf"patches of 32 x 32 pixels, got 16 x 16: set {VIEWS}\.mask\.patch_size=32",
        ),
        ({f"{VIEWS}.mask": None}, rf"got none: set {VIEWS}\.mask\.patch_size=16, or .*model\.within_view_weight=0"),
        (
            {"model.backbone": dict(type="ResNet", depth=18, _delete_=True), "model.neck.in_channels": 512},
            rf"takes masks, got ResNet.*MaskedVisionTransformer, or do without masks by {VIEWS}\.mask=None",
        ),
    ],
)
def test_masks_that_do_not_fit_the_backbone_are_named_with_their_key(options, said):
    model, views = slotmim(**options)
    with pytest.raises(ValueError, match=said):
        expect_masks_that_fit(model, VIEWS, views)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"model.backbone.patch_size": 32, f"{VIEWS}.mask.patch_size": 32},
        {f"{VIEWS}.mask": None, "model.within_view_weight": 0},
    ],
)
def test_masks_that_fit_pass(options):
    model, views = slotmim(**options)
    expect_masks_that_fit(model, VIEWS, views)
    expect_masks_that_fit(slotcon(512, type="ResNet", depth=18), VIEWS, views)


@pytest.mark.parametrize("patch", [16, 14])
def test_a_detector_takes_the_patches_that_its_strides_belong_to(patch):
    detector = nn.Module()
    detector.backbone = VisionTransformer("deit-tiny", img_size=224, patch_size=patch)
    detector.neck = SimpleFeaturePyramid(192, 16)
    detector.rpn_head = SimpleNamespace(prior_generator=SimpleNamespace(strides=[(s, s) for s in (4, 8, 16, 32, 64)]))
    if patch == 16:
        expect_strides_of_patches(detector)
        return
    with pytest.raises(
        ValueError, match=r"expected patches of 16 x 16 pixels.*\[4, 8, 16, 32, 64\].*patch_size=14: take"
    ):
        expect_strides_of_patches(detector)


def test_detectors_of_other_networks_are_left_alone():
    detector = nn.Module()
    detector.backbone, detector.neck = nn.Identity(), SimpleFeaturePyramid(192, 16)
    detector.rpn_head = SimpleNamespace(prior_generator=SimpleNamespace(strides=[(4, 4), (8, 8), (16, 16)]))
    expect_strides_of_patches(detector)
    detector.backbone, detector.rpn_head = VisionTransformer("deit-tiny"), SimpleNamespace()
    expect_strides_of_patches(detector)


def on_rank(rank: int, scenes: str, work_dir: str) -> list[str]:
    said = []
    for finds_unused in (False, True):
        options = {
            "model.backbone": dict(_delete_=True, type="HRNet", arch="w18"),
            "model.neck.in_channels": 144,
            "model_wrapper_cfg.find_unused_parameters": finds_unused,
        }
        try:
            build_run(
                "slotcon_r18_quickstart.py", Path(work_dir), launcher="pytorch",
                options=pretraining_options(Path(scenes), **{"train_dataloader.batch_size": 2}, **options),
            )  # fmt: skip
            said.append("built")
        except ValueError as error:
            said.append(str(error))
    return said


@pytest.mark.slow
def test_several_processes_are_told_of_parameters_that_take_no_part(scenes, tmp_path):
    for refused, built in run_on_two_processes(on_rank, tmp_path, str(scenes), str(tmp_path / "w")):
        assert "every parameter of HRNet to take part" in refused
        assert refused.endswith("set model_wrapper_cfg.find_unused_parameters=True")
        assert built == "built"
