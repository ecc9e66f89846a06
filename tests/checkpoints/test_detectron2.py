"""What Detectron2 is told of an export."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from mmpretrain.models import ResNet, ResNeXt
from runs import CONFIGS

from slotcon_mm.checkpoints.detectron2 import describe_use_in_detectron2

USED = ("FORMAT", "PIXEL_MEAN", "PIXEL_STD", "FREEZE_AT", "DEPTH", "NORM", "STRIDE_IN_1X1")


def said(backbone: Any, text: str | None = None) -> tuple[str, dict[str, Any], list[str]]:
    """The first line, the config, and the warnings."""
    meta = dict(cfg=text) if text else {}
    lines = describe_use_in_detectron2(backbone.state_dict(), dict(meta=meta), "out/r 50.pkl").splitlines()
    warnings = [line for line in lines if line.startswith("warning")]
    return lines[0], yaml.safe_load("\n".join(lines[1 : len(lines) - len(warnings)])), warnings


def config(backbone: str = "", pixels: str = "") -> str:
    return f"model = dict(backbone=dict(type='ResNet', {backbone}), data_preprocessor=dict({pixels}))"


def leaves(node: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in node.items():
        found.update(leaves(value) if isinstance(value, dict) else {key: value})
    return found


def test_the_published_pretraining():
    first, found, warnings = said(ResNet(depth=50), config("depth=50"))
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
    _, found, _ = said(ResNet(depth=50), config("depth=50"))
    printed = leaves(found)
    assert {key: of_the_page[key] for key in USED if key != "NORM"} == {
        key: printed[key] for key in USED if key != "NORM"
    }
    assert yaml.safe_load(shown[1] + shown[2])["MODEL"]["RESNETS"]["NORM"] == printed["NORM"]


def test_a_file_without_config_is_taken_for_the_published_pretraining_and_that_is_said():
    first, found, _ = said(ResNet(depth=50))
    assert first.startswith("This file holds no config: the pretraining is taken to be the published one.")
    assert found["MODEL"]["RESNETS"]["DEPTH"] == 50


def test_pixels_strides_and_style_are_those_of_the_pretraining():
    text = config(
        "depth=101, style='caffe', strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2)", "mean=(1, 2, 3), std=[4, 5, 6.5]"
    )
    _, found, warnings = said(ResNet(depth=101), text)
    assert leaves(found)["PIXEL_MEAN"] == [1.0, 2.0, 3.0]
    assert leaves(found)["PIXEL_STD"] == [4.0, 5.0, 6.5]
    assert found["MODEL"]["RESNETS"] == dict(DEPTH=101, NORM="SyncBN", STRIDE_IN_1X1=True, RES5_DILATION=2)
    assert warnings == []


def test_other_depths_and_groups_come_with_the_channels_that_detectron2_asks_for():
    _, found, warnings = said(ResNet(depth=18), config("depth=18"))
    assert found["MODEL"]["RESNETS"] == dict(DEPTH=18, NORM="SyncBN", STRIDE_IN_1X1=False, RES2_OUT_CHANNELS=64)
    assert warnings == []
    _, found, _ = said(ResNeXt(depth=50, groups=32, width_per_group=4), config("depth=50"))
    resnext = dict(NUM_GROUPS=32, WIDTH_PER_GROUP=4)
    assert found["MODEL"]["RESNETS"] == dict(DEPTH=50, NORM="SyncBN", STRIDE_IN_1X1=False, **resnext)


@pytest.mark.parametrize(
    ("backbone", "arguments", "warned"),
    [
        (dict(depth=18), "strides=(1, 2, 1, 1)", r"strides (1, 2, 1, 1) and dilations (1, 1, 1, 1) are none of"),
        (dict(depth=18, base_channels=16, stem_channels=16), "", "with 64 channels in its first stage only"),
        (dict(depth=50), "avg_down=True", "avg_down=True is not in Detectron2's ResNet"),
    ],
)  # fmt: skip
def test_what_detectron2_cannot_be_told_is_warned_of(backbone, arguments, warned):
    _, _, (warning,) = said(ResNet(**backbone), config(f"depth={backbone['depth']}, {arguments}"))
    assert warned in warning
