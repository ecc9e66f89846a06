"""torchvision's networks: their weights make the same features here, and go back unchanged."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision
from mmpretrain.models import ConvNeXt, ResNet, SwinTransformer, VisionTransformer
from other_libraries import as_map, expect_same_features, lived_in, load_file, saved
from torch import Tensor, nn
from torchvision.models.convnext import CNBlockConfig

from slotcon_mm.checkpoints.formats import in_library


def resnet() -> tuple[nn.Module, nn.Module, Callable]:
    theirs = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [2, 2, 2, 2], num_classes=5)
    parts = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
    return theirs, ResNet(depth=18), nn.Sequential(*(getattr(theirs, part) for part in parts))


def convnext() -> tuple[nn.Module, nn.Module, Callable]:
    channels = [8, 12, 16, 24, None]
    settings = [CNBlockConfig(channels[i], channels[i + 1], 1 + (i == 2)) for i in range(4)]
    theirs = torchvision.models.ConvNeXt(settings, num_classes=5)
    arch = dict(depths=[1, 1, 2, 1], channels=channels[:4])
    ours = ConvNeXt(arch=arch, gap_before_final_norm=False)
    return theirs, ours, lambda images: theirs.classifier[0](theirs.features(images))


def swin() -> tuple[nn.Module, nn.Module, Callable]:
    theirs = torchvision.models.SwinTransformer([4, 4], 8, [1, 2, 1, 1], [2, 2, 2, 2], [7, 7], num_classes=5)
    ours = SwinTransformer(arch=dict(embed_dims=8, depths=[1, 2, 1, 1], num_heads=[2, 2, 2, 2]), pad_small_map=True)
    return theirs, ours, lambda images: theirs.norm(theirs.features(images)).permute(0, 3, 1, 2)


def vision_transformer() -> tuple[nn.Module, nn.Module, Callable]:
    theirs = torchvision.models.VisionTransformer(64, 16, 2, 2, 12, 24, num_classes=5)
    arch = dict(embed_dims=12, num_layers=2, num_heads=2, feedforward_channels=24)
    ours = VisionTransformer(arch, img_size=64, out_type="featmap")

    def features(images: Tensor) -> Tensor:
        patches = theirs._process_input(images)
        tokens = theirs.encoder(torch.cat([theirs.class_token.expand(len(images), -1, -1), patches], dim=1))
        return as_map(tokens, 1, (4, 4))

    return theirs, ours, features


@pytest.mark.parametrize(
    ("pair", "size"),
    [(resnet, 64), (convnext, 64), (swin, 224), (vision_transformer, 64)],
    ids=lambda one: str(one)[10:20],
)
def test_features_are_torchvisions_and_names_go_back(pair, size, tmp_path):
    theirs, ours, features = pair()
    lived_in(theirs)
    found = load_file(ours, saved(theirs.state_dict(), tmp_path / "weights.pth"))
    expect_same_features(ours, features, (size, size))
    assert any(note.startswith("left over: ") and "weight" in note for note in found.notes)

    back, left_out = in_library(ours.state_dict(), "torchvision")
    assert left_out == []
    original = theirs.state_dict()
    heads = {name for name in original if name not in back}
    assert all(name.startswith(("fc.", "classifier.2.", "head.", "heads.")) for name in heads)
    assert {name: value for name, value in back.items() if not value.equal(original[name])} == {}


def test_the_first_files_of_torchvisions_transformers_are_taken(tmp_path):
    theirs, ours, features = vision_transformer()
    old = {
        name.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): value
        for name, value in lived_in(theirs).state_dict().items()
    }
    load_file(ours, saved(old, tmp_path / "weights.pth"))
    expect_same_features(ours, features)
