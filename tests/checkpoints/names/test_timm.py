"""timm's networks: their weights make the same features here, and go back unchanged."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from mmpretrain.models import ConvNeXt, ResNet, ResNetV1d, SwinTransformer, VisionTransformer
from other_libraries import as_map, expect_same_features, lived_in, load_file, saved
from torch import nn

from slotcon_mm.checkpoints.formats import in_library
from slotcon_mm.models import RegisterVisionTransformer, TimmFeatures

timm = pytest.importorskip("timm")
ARCH = dict(embed_dims=12, num_layers=2, num_heads=2, feedforward_channels=48)
SIZES = dict(img_size=64, patch_size=16, embed_dim=12, depth=2, num_heads=2, num_classes=5)
Pair = tuple[nn.Module, nn.Module, Callable]


def resnet() -> Pair:
    theirs = timm.create_model("resnet18", num_classes=5)
    return theirs, ResNet(depth=18), theirs.forward_features


def deep_stem() -> Pair:
    theirs = timm.create_model("resnet18d", num_classes=5)
    return theirs, ResNetV1d(depth=18), theirs.forward_features


def convnext(version: int = 1, *, convolutions: bool = False) -> Pair:
    second = dict(use_grn=True, ls_init_value=None) if version == 2 else {}
    theirs = timm.models.ConvNeXt(
        depths=(1, 1, 2, 1), dims=(8, 12, 16, 24), num_classes=5, conv_mlp=convolutions, **second
    )
    options = dict(use_grn=True, layer_scale_init_value=0.0) if version == 2 else {}
    ours = ConvNeXt(
        dict(depths=[1, 1, 2, 1], channels=[8, 12, 16, 24]), gap_before_final_norm=False,
        linear_pw_conv=not convolutions, **options,
    )  # fmt: skip
    return theirs, ours, lambda images: theirs.head.norm(theirs.forward_features(images))


def swin() -> Pair:
    theirs = timm.models.SwinTransformer(
        embed_dim=8, depths=(1, 2, 1, 1), num_heads=(2, 2, 2, 2), num_classes=5, img_size=224
    )
    ours = SwinTransformer(dict(embed_dims=8, depths=[1, 2, 1, 1], num_heads=[2, 2, 2, 2]))
    return theirs, ours, lambda images: theirs.forward_features(images).permute(0, 3, 1, 2)


def vision_transformer(**options: object) -> Pair:
    theirs = timm.models.VisionTransformer(**SIZES, **options)
    scale = dict(layer_scale_init_value=1e-5) if "init_values" in options else {}
    ours = VisionTransformer(ARCH, img_size=64, out_type="featmap", **scale)
    return theirs, ours, lambda images: as_map(theirs.forward_features(images), 1, (4, 4))


def with_registers() -> Pair:
    theirs = timm.models.VisionTransformer(**SIZES, init_values=1e-5, reg_tokens=4, no_embed_class=True)
    ours = RegisterVisionTransformer(ARCH, img_size=64, out_type="featmap", layer_scale_init_value=1e-5)
    return theirs, ours, lambda images: as_map(theirs.forward_features(images), 5, (4, 4))


def gated() -> Pair:
    theirs = timm.models.VisionTransformer(
        **SIZES, init_values=1e-5, mlp_layer=timm.layers.SwiGLUPacked, act_layer=nn.SiLU, mlp_ratio=16 / 3
    )
    ours = VisionTransformer(
        {**ARCH, "feedforward_channels": 48}, img_size=64, out_type="featmap", layer_scale_init_value=1e-5,
        layer_cfgs=dict(ffn_type="swiglu_fused"),
    )  # fmt: skip
    return theirs, ours, lambda images: as_map(theirs.forward_features(images), 1, (4, 4))


PAIRS = {
    "resnet": resnet,
    "deep stem": deep_stem,
    "convnext": convnext,
    "convnext of convolutions": partial(convnext, convolutions=True),
    "convnext v2": partial(convnext, version=2),
    "swin": swin,
    "vit": vision_transformer,
    "vit with layer scales": partial(vision_transformer, init_values=1e-5),
    "vit with registers": with_registers,
    "gated vit": gated,
}


@pytest.mark.parametrize("name", PAIRS)
def test_features_are_timms_and_names_go_back(name, tmp_path):
    theirs, ours, features = PAIRS[name]()
    lived_in(theirs)
    load_file(ours, saved(theirs.state_dict(), tmp_path / "weights.pth"))
    size = 224 if name == "swin" else 64
    expect_same_features(ours, features, (size, size))

    back, left_out = in_library(ours.state_dict(), "timm")
    assert left_out == []
    original = theirs.state_dict()
    assert all(one.startswith(("fc.", "head.")) for one in original if one not in back)
    assert {one: value for one, value in back.items() if value.flatten().ne(original[one].flatten()).any()} == {}


def test_a_network_of_timm_takes_weights_by_torchvisions_names(tmp_path):
    inside = TimmFeatures("vit_tiny_patch16_224")
    by_torchvision, _ = in_library(VisionTransformer("deit-tiny").state_dict(), "torchvision")
    found = load_file(inside, saved(by_torchvision, tmp_path / "torchvision.pth"))
    assert found.library == "torchvision"
    assert set(found.tensors) == set(inside.state_dict())
    assert in_library(inside.state_dict(), "timm")[0].keys() == {one.removeprefix("network.") for one in found.tensors}


def test_a_backbone_of_timm_goes_back_by_its_own_names_whatever_it_is():
    weights = {"network.stem.conv.weight": torch.ones(1)}
    assert in_library(weights, "timm") == ({"stem.conv.weight": weights["network.stem.conv.weight"]}, [])
    with pytest.raises(ValueError, match=r"for the format torchvision, got network\.stem\.conv\.weight"):
        in_library(weights, "torchvision")
