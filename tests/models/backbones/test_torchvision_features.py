"""torchvision's networks up to their last feature map."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torchvision.models.feature_extraction import create_feature_extractor

from slotcon_mm.models.backbones.torchvision_features import TorchvisionFeatures, torchvision_names


@pytest.mark.parametrize(
    ("name", "node"), [("resnet18", "layer4"), ("mobilenet_v3_small", "features"), ("squeezenet1_1", "features")]
)
def test_the_map_is_the_one_that_torchvisions_own_extractor_yields(name, node):
    network = torchvision.models.get_model(name).eval()
    features = TorchvisionFeatures(name).eval()
    own = features.state_dict()
    features.load_state_dict({key: value for key, value in network.state_dict().items() if key in own}, strict=True)
    images = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(features(images), create_feature_extractor(network, {node: "x"})(images)["x"])


@pytest.mark.parametrize("name", ["swin_t", "regnet_x_400mf", "shufflenet_v2_x0_5"])
def test_networks_whose_map_is_not_known_are_refused(name):
    with pytest.raises(ValueError, match=rf"whose last feature map is known here .*, got {name}: pass a config"):
        TorchvisionFeatures(name)


def test_names_that_torchvision_does_not_have_are_refused():
    for name in ("resnet7", "", "fcn_resnet50", "torchvision"):
        with pytest.raises(ValueError, match=rf"classification network of torchvision .*, got {name}"):
            TorchvisionFeatures(name)


def test_names_are_those_of_classification_networks():
    assert {"resnet50", "convnext_tiny", "vit_b_16"} <= set(torchvision_names())
    assert not [name for name in torchvision_names() if "fcn" in name or "rcnn" in name or "raft" in name]
