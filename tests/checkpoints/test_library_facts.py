"""Networks of other libraries, compared with ours by our names of their layers."""

from __future__ import annotations

from typing import Any

import pytest
import torchvision
from other_libraries import prefixed

from slotcon_mm.checkpoints.library_facts import facts_by_names, facts_of_timm, facts_of_torchvision, with_names_of
from slotcon_mm.checkpoints.network_changes import changes_in_network, describe_changes
from slotcon_mm.checkpoints.network_facts import facts_of_config


def facts(**backbone: Any) -> dict[str, Any]:
    model = dict(type="slotcon_mm.SlotCon", backbone=backbone)
    return facts_of_config(dict(model=model, default_scope="mmpretrain"))


def convnext(**options: Any) -> dict[str, Any]:
    return facts(type="ConvNeXt", arch="tiny", gap_before_final_norm=False, **options)


def test_the_same_network_of_torchvision_has_no_changes_and_its_layers_have_our_names():
    now = convnext()
    then = with_names_of(facts_of_torchvision("convnext_tiny"), now)
    assert then["layers"]["stages.1.2.depthwise_conv"]["kernel"] == 7
    assert then["layers"].keys() <= now["layers"].keys()
    assert changes_in_network(then, now) == []


def test_another_eps_is_found_under_another_librarys_names():
    now = convnext(norm_cfg=dict(type="LN2d", eps=1e-5))
    (line,) = describe_changes(changes_in_network(with_names_of(facts_of_torchvision("convnext_tiny"), now), now))
    assert line.startswith("eps: 1e-05 instead of 1e-06 in downsample_layers.0.1 and")


@pytest.mark.parametrize(
    ("name", "backbone", "layer"),
    [
        ("resnet18", dict(type="ResNet", depth=18), "layer1.0.conv1"),
        ("vit_tiny_patch16_224", dict(type="VisionTransformer", arch="deit-tiny"), "layers.3.attn"),
        ("swin_tiny_patch4_window7_224", dict(type="SwinTransformer", arch="tiny"), "stages.2.blocks.1.norm1"),
    ],
)
def test_networks_of_timm_are_compared_layer_by_layer(name, backbone, layer):
    pytest.importorskip("timm")
    now = facts(**backbone)
    then = with_names_of(facts_of_timm(name), now)
    assert layer in then["layers"]
    assert layer in now["layers"]
    changes = changes_in_network(then, now)
    # timm's first transformers see pixels of mean and std 127.5
    assert {change.what for change in changes} == ({"mean", "std"} if name.startswith("vit") else set())


def test_attention_of_other_heads_is_found():
    pytest.importorskip("timm")
    arch = dict(embed_dims=192, num_layers=12, num_heads=4, feedforward_channels=768)
    now = facts(type="VisionTransformer", arch=arch)
    changes = changes_in_network(with_names_of(facts_of_timm("vit_tiny_patch16_224"), now), now)
    assert "attention heads: 4 instead of 3 in layers.0.attn and 11 more" in describe_changes(changes)


def test_names_tell_the_eps_and_the_pixels_that_all_such_networks_have():
    state = torchvision.models.convnext_tiny(num_classes=2).state_dict()
    now = convnext(norm_cfg=dict(type="LN2d", eps=1e-5))
    library, then = facts_by_names(dict(model=prefixed("module.", state)), now)
    assert library == "torchvision"
    assert {change.what for change in changes_in_network(then, now)} == {"eps"}
    assert (
        facts_by_names(torchvision.models.resnet18(num_classes=2).state_dict(), facts(type="ResNet", depth=18)) is None
    )
    assert facts_by_names({}, now) is None
