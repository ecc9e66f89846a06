"""What is read off networks as they run."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from slotcon_mm.checkpoints.layer_facts import read_layers
from slotcon_mm.checkpoints.registered import build_registered

RESNET = dict(type="ResNet", depth=18, base_channels=8, stem_channels=8)


def test_windows_are_told_in_pixels_of_the_image():
    layers, strides = read_layers(build_registered({**RESNET, "strides": (1, 2, 1, 1)}, "mmpretrain"))
    assert strides == [8]
    assert layers["conv1"] == dict(kind="Conv2d", kernel=7, step=1, step_after=2, dilation=1, padding=3)
    assert layers["maxpool"] == dict(kind="MaxPool2d", kernel=3, step=2, step_after=4, dilation=1, padding=1)
    assert [layers[f"layer{stage}.1.conv2"]["step"] for stage in "1234"] == [4, 8, 8, 8]
    assert layers["layer4.1.bn2"] == dict(kind="batch norm", eps=1e-5)
    assert layers["layer4.1.relu"] == dict(kind="ReLU")
    assert "layer2.0.downsample.0" not in layers  # one pixel has no distance


@pytest.mark.hosts
def test_a_shared_head_goes_on_where_the_backbone_ends():
    three = dict(RESNET, num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1), out_indices=(2,))
    head = dict(type="mmdet.ResLayer", depth=50, stage=3, stride=2)
    backbone = build_registered({**three, "depth": 50, "base_channels": 64, "stem_channels": 64}, "mmdet")
    layers, strides = read_layers(backbone, build_registered(head, "mmdet"))
    assert strides == [16]
    assert [layers[f"layer4.{block}.conv2"]["step"] for block in range(3)] == [16, 32, 32]


def test_a_resnet_of_torchvision_has_the_facts_of_mmpretrains():
    theirs, _ = read_layers(torchvision.models.resnet18())
    ours, _ = read_layers(build_registered(dict(type="ResNet", depth=18), "mmpretrain"))
    assert theirs == ours


@pytest.mark.parametrize(
    ("config", "strides"),
    [
        (dict(type="ConvNeXt", arch="atto", out_indices=(0, 1, 2, 3), gap_before_final_norm=False), [4, 8, 16, 32]),
        (dict(type="SwinTransformer", arch="tiny", out_indices=(0, 1, 2, 3)), [4, 8, 16, 32]),
        (dict(type="HRNet", arch="w18"), [4, 8, 16, 32]),
        (dict(type="VisionTransformer", arch="deit-tiny", patch_size=16, out_type="featmap"), [16]),
        (dict(type="MobileNetV2", out_indices=(7,)), [32]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_any_backbone_of_mmpretrain_is_read(config, strides):
    layers, found = read_layers(build_registered(config, "mmpretrain"))
    assert found == strides
    assert {"kind"} <= set.intersection(*(set(facts) for facts in layers.values()))
    assert any("norm" in facts["kind"] for facts in layers.values())


def test_heads_of_attention_are_noted():
    layers, _ = read_layers(
        build_registered(dict(type="VisionTransformer", arch="deit-tiny", out_type="featmap"), "mmpretrain")
    )
    assert layers["layers.0.attn"]["heads"] == 3


def test_reading_leaves_weights_and_hooks_alone():
    network = build_registered(RESNET, "mmpretrain")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    read_layers(network)
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())
    assert torch.is_grad_enabled()


def test_a_window_that_no_image_reaches_has_no_facts():
    network = nn.Sequential(nn.Conv2d(3, 4, 3))
    network.add_module("unused", nn.Identity())
    network.unused.conv = nn.Conv2d(4, 4, 3)
    layers, _ = read_layers(network)
    assert [*layers] == ["0"]
