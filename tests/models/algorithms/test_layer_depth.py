"""How far a parameter lies from the input."""

from __future__ import annotations

import pytest
from mmpretrain.registry import MODELS
from torch import nn

from slotcon_mm.models.algorithms.layer_depth import layer_depth


def test_stages_of_a_small_resnet_count_from_the_stem_to_the_heads():
    backbone = MODELS.build(dict(type="mmpretrain.ResNet", depth=18))
    depths = {name: layer_depth(backbone, f"backbone.{name}") for name, _ in backbone.named_parameters()}
    assert depths["conv1.weight"] == depths["bn1.bias"] == (0, 6)
    assert [depths[f"layer{stage}.1.conv2.weight"] for stage in (1, 2, 3, 4)] == [(1, 6), (2, 6), (3, 6), (4, 6)]
    assert layer_depth(backbone, "neck.prototypes") == (5, 6)


@pytest.mark.parametrize(
    "config",
    [
        dict(type="mmpretrain.ResNet", depth=50),
        dict(type="mmpretrain.ConvNeXt", arch="tiny", gap_before_final_norm=False),
        dict(type="mmpretrain.VisionTransformer", arch="deit-tiny", out_type="featmap"),
        dict(type="mmpretrain.SwinTransformer", arch="tiny"),
        dict(type="slotcon_mm.RegisterVisionTransformer", arch="deit-tiny", out_type="featmap"),
        dict(type="slotcon_mm.WindowedVisionTransformer", arch="deit-tiny"),
    ],
    ids=lambda config: config["type"],
)
def test_backbones_of_the_host_rise_from_the_stem_to_below_the_heads(config):
    backbone = MODELS.build(config)
    heads, layers = layer_depth(backbone, "neck.prototypes")
    depths = [layer_depth(backbone, f"backbone.{name}")[0] for name, _ in backbone.named_parameters()]
    assert min(depths) == 0
    assert max(depths) <= heads == layers - 1
    assert len(set(depths)) >= 5


def test_networks_of_timm_tell_theirs():
    pytest.importorskip("timm")
    backbone = MODELS.build(dict(type="slotcon_mm.TimmFeatures", name="vit_tiny_patch16_224"))
    assert layer_depth(backbone, "backbone.network.patch_embed.proj.weight") == (0, 14)
    assert layer_depth(backbone, "backbone.network.blocks.0.attn.qkv.weight") == (1, 14)
    assert layer_depth(backbone, "backbone.network.blocks.11.attn.qkv.weight") == (12, 14)
    assert layer_depth(backbone, "neck.prototypes") == (13, 14)


def test_unknown_layers_are_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"got Conv2d: set optim_wrapper\.constructor=Default"):
        layer_depth(nn.Conv2d(3, 8, 1), "backbone.weight")
