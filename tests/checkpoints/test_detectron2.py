"""What Detectron2 is told of an export."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import yaml
from mmpretrain.models import ResNet, ResNeXt
from runs import CONFIGS

from slotcon_mm.checkpoints.detectron2 import describe_use_in_detectron2
from slotcon_mm.checkpoints.exporting import export_file
from slotcon_mm.checkpoints.network_facts import facts_of_config

USED = ("FORMAT", "PIXEL_MEAN", "PIXEL_STD", "FREEZE_AT", "DEPTH", "NORM", "STRIDE_IN_1X1")


def said(backbone: Any, network: dict[str, Any] | None = None) -> tuple[str, dict[str, Any], list[str]]:
    """The first line, the config, and the warnings."""
    lines = describe_use_in_detectron2(backbone.state_dict(), network, "out/r 50.pkl").splitlines()
    warnings = [line for line in lines if line.startswith("warning")]
    return lines[0], yaml.safe_load("\n".join(lines[1 : len(lines) - len(warnings)])), warnings


def facts(pixels: dict[str, Any] | None = None, kind: str = "ResNet", **backbone: Any) -> dict[str, Any]:
    """Of a network and what normalizes its pixels."""
    shown = dict(type="slotcon_mm.ViewPreprocessor", **(pixels or {}))
    model = dict(type="slotcon_mm.SlotCon", backbone=dict(type=kind, **backbone), data_preprocessor=shown)
    return facts_of_config(dict(model=model, default_scope="mmpretrain"))


def leaves(node: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in node.items():
        found.update(leaves(value) if isinstance(value, dict) else {key: value})
    return found


def test_the_published_pretraining():
    first, found, warnings = said(ResNet(depth=50), facts(depth=50))
    assert first.startswith("Detectron2 must be told")
    assert found == dict(
        INPUT=dict(FORMAT="RGB"),
        MODEL=dict(
            WEIGHTS="out/r 50.pkl",
            PIXEL_MEAN=[123.675, 116.28, 103.53],
            PIXEL_STD=[58.395, 57.12, 57.375],
            BACKBONE=dict(FREEZE_AT=0),
            RESNETS=dict(DEPTH=50, NORM="SyncBN", STRIDE_IN_1X1=False),
        ),
    )
    assert warnings == []


def test_the_pages_config_tells_the_same():
    page = (CONFIGS / "detection/README.md").read_text().partition("## In Detectron2")[2].partition("##")[0]
    shown = "\n".join(line[4:] for line in page.splitlines() if line.startswith("    ")).partition("_BASE_")
    of_the_page = leaves(yaml.safe_load(shown[1] + shown[2]))
    _, found, _ = said(ResNet(depth=50), facts(depth=50))
    printed = leaves(found)
    assert {key: of_the_page[key] for key in USED if key != "NORM"} == {
        key: printed[key] for key in USED if key != "NORM"
    }
    assert yaml.safe_load(shown[1] + shown[2])["MODEL"]["RESNETS"]["NORM"] == printed["NORM"]


def test_a_network_that_is_not_known_is_taken_for_the_published_one_and_that_is_said():
    first, found, warnings = said(ResNet(depth=50))
    assert first.startswith("The pretraining is taken to be the published one.")
    assert found["MODEL"]["RESNETS"]["DEPTH"] == 50
    assert warnings == []


def test_pixels_strides_and_style_are_those_of_the_pretraining():
    network = facts(
        dict(mean=(1, 2, 3), std=[4, 5, 6.5]), depth=101, style="caffe", strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2)
    )
    _, found, warnings = said(ResNet(depth=101), network)
    assert leaves(found)["PIXEL_MEAN"] == [1.0, 2.0, 3.0]
    assert leaves(found)["PIXEL_STD"] == [4.0, 5.0, 6.5]
    assert found["MODEL"]["RESNETS"] == dict(DEPTH=101, NORM="SyncBN", STRIDE_IN_1X1=True, RES5_DILATION=2)
    assert warnings == []


def test_other_depths_and_groups_come_with_the_channels_that_detectron2_asks_for():
    _, found, warnings = said(ResNet(depth=18), facts(depth=18))
    assert found["MODEL"]["RESNETS"] == dict(DEPTH=18, NORM="SyncBN", STRIDE_IN_1X1=False, RES2_OUT_CHANNELS=64)
    assert warnings == []
    groups = dict(depth=50, groups=32, width_per_group=4)
    _, found, warnings = said(ResNeXt(**groups), facts(kind="ResNeXt", **groups))
    resnext = dict(NUM_GROUPS=32, WIDTH_PER_GROUP=4)
    assert found["MODEL"]["RESNETS"] == dict(DEPTH=50, NORM="SyncBN", STRIDE_IN_1X1=False, **resnext)
    assert warnings == []


@pytest.mark.parametrize(
    ("backbone", "warned"),
    [
        (dict(strides=(1, 2, 1, 1)), r"other features of these weights: distance between taps"),
        (dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)), "between taps: 8 instead of 16 in layer3.0.conv1"),
        (dict(norm_cfg=dict(type="BN", eps=1e-3)), r"eps: 1e-05 instead of 0.001 in bn1 and"),
        (dict(base_channels=16, stem_channels=16), "with 64 channels in its first stage only"),
    ],
    ids=["strides", "dilations", "eps", "channels"],
)  # fmt: skip
def test_what_detectron2_cannot_be_told_is_warned_of(backbone, warned):
    _, _, warnings = said(ResNet(depth=18, **backbone), facts(depth=18, **backbone))
    assert len(warnings) == 1
    assert warned in warnings[0]


def test_the_order_of_channels_is_that_of_the_pretraining():
    network = facts(depth=18)
    for channels, told, warned in (("BGR", "BGR", []), (None, "RGB", ["warning: the order of channels is not known"])):
        _, found, warnings = said(ResNet(depth=18), {**network, "pixels": {**network["pixels"], "channels": channels}})
        assert found["INPUT"]["FORMAT"] == told
        assert [warning.partition(":")[0] + ":" + warning.split(":")[1] for warning in warnings] == warned


@pytest.mark.parametrize("of", ["an export", "a pretraining"])
def test_a_files_own_facts_and_a_configs_own_preprocessor_are_told(of, tmp_path):
    odd = dict(depth=18, strides=(1, 2, 1, 1), norm_cfg=dict(type="BN", eps=1e-3))
    pixels = dict(mean=[100.0] * 3, std=[50.0] * 3)
    tensors = ResNet(**odd).state_dict()
    if of == "an export":
        meta: dict[str, Any] = dict(source="teacher", step=1, network=facts(pixels, **odd))
        contents = dict(state_dict=tensors, meta=meta)
    else:
        shown = dict(type="slotcon_mm.ViewPreprocessor", **pixels)
        model = dict(type="slotcon_mm.SlotCon", backbone=dict(type="ResNet", **odd))
        text = f"model = {model!r}\ndata_preprocessor = {shown!r}"
        contents = dict(state_dict={f"backbone.{name}": value for name, value in tensors.items()}, meta=dict(cfg=text))
    torch.save(contents, tmp_path / "given.pth")
    said = "\n".join(export_file(tmp_path / "given.pth", tmp_path / "r18.pkl", "detectron2"))
    assert "PIXEL_MEAN: [100.0, 100.0, 100.0]" in said
    assert "PIXEL_STD: [50.0, 50.0, 50.0]" in said
    assert "distance between taps" in said
    assert "eps: 1e-05 instead of 0.001 in bn1" in said
    assert "published one" not in said
