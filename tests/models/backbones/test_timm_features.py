"""timm's networks: their last feature map is timm's own."""

from __future__ import annotations

import pytest
import torch

from slotcon_mm.models.backbones.timm_features import TimmFeatures

timm = pytest.importorskip("timm")


@pytest.mark.parametrize(
    ("name", "size"),
    [("resnet18", 64), ("convnext_atto", 64), ("vit_tiny_patch16_224", 224), ("swin_tiny_patch4_window7_224", 224)],
)
def test_the_map_is_what_timm_computes_with_channels_first(name, size):
    network = TimmFeatures(name).eval()
    images = torch.rand(1, 3, size, size)
    with torch.no_grad():
        found, expected = network(images), network.network.forward_features(images)
    if expected.dim() == 3:  # tokens
        side = size // 16
        expected = expected[:, network.network.num_prefix_tokens :].transpose(1, 2).unflatten(2, (side, side))
    elif expected.shape[1] != found.shape[1]:  # channels last
        expected = expected.permute(0, 3, 1, 2)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_a_vision_transformer_takes_images_of_other_sizes():
    with torch.no_grad():
        assert TimmFeatures("vit_tiny_patch16_224").eval()(torch.rand(1, 3, 96, 128)).shape[2:] == (6, 8)


def test_pixels_are_normalized_as_timm_says():
    assert TimmFeatures("resnet18").pixels["mean"] == pytest.approx([123.675, 116.28, 103.53])


def test_a_name_that_timm_lacks_is_answered_by_those_near_it_and_the_way_to_newer_ones():
    with pytest.raises(
        ValueError, match=r"network of timm .*, got resnet17 \(near it: resnet18, .*pip install --upgrade"
    ):
        TimmFeatures("resnet17")
    with pytest.raises(ValueError, match=r"got \?\?: take a name of timm.list_models"):
        TimmFeatures("??")
    with pytest.raises(
        ValueError, match=r"weights that timm .* offers \(resnet18\.\w+, .*\), got resnet18.a1_in2k: resn"
    ):
        TimmFeatures("resnet18.a1_in2k")


def test_without_timm_the_command_that_installs_it_is_said(monkeypatch):
    monkeypatch.setattr("slotcon_mm.requirements.find_spec", lambda module: None)
    with pytest.raises(ImportError, match=r"timm/resnet18 needs timm.*\n    python -m pip install timm"):
        TimmFeatures("resnet18")
