"""Every tensor of a backbone, and the proof of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from mmpretrain.models import ResNet, ResNetV1c
from torch import nn

from slotcon_mm.checkpoints.backbone import Backbone
from slotcon_mm.checkpoints.filling import Filling, backbone_tensors


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
    with pytest.raises(RuntimeError, match=r"different ones in conv1.weight$"):
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
