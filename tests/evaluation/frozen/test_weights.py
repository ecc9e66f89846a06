"""Frozen networks out of files: whose features they have, and what is refused."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from helpers import TINY_CONFIG, run_tool, write_tiny_checkpoint
from mmengine.config import Config
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

from slotcon_mm.checkpoints.build import build_from_checkpoint
from slotcon_mm.checkpoints.official import to_official
from slotcon_mm.checkpoints.registered import build_registered
from slotcon_mm.evaluation.frozen.weights import kind_of_name, network_of_model, network_of_weights

MEAN, STD = (torch.tensor(v).view(3, 1, 1) for v in ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]))
PIPELINE = [dict(type="slotcon_mm.LoadImage"), dict(type="slotcon_mm.PairedViews", size=48)]


@pytest.fixture(scope="module")
def images() -> Tensor:
    return 255 * torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def normalized(images: Tensor) -> Tensor:
    return (images - MEAN) / STD


def expect_features(found: Any, expected: Tensor, images: Tensor) -> None:
    torch.testing.assert_close(found.encode(images).features, F.normalize(expected, dim=1), rtol=0, atol=1e-5)


def lived_in(network: nn.Module, seed: int = 0) -> nn.Module:
    """With weights and statistics that are none of an initialization's."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            noise = torch.randn(value.shape, generator=generator)
            value.copy_(value * (1 + 0.3 * noise).clamp(min=0.3) + (0.1 * noise if name.endswith("mean") else 0))
    return network.eval()


@pytest.fixture(scope="module")
def pretraining(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work dir whose teacher is not its student."""
    folder = write_tiny_checkpoint(tmp_path_factory.mktemp("run"))
    checkpoint = torch.load(folder / "epoch_1.pth", weights_only=True)
    model = build_from_checkpoint(checkpoint)
    for seed, part in enumerate((model.backbone, model.neck, model.teacher.backbone, model.teacher.neck)):
        lived_in(part, seed)
    checkpoint["state_dict"] = model.state_dict()
    config = dict(model=TINY_CONFIG, train_dataloader=dict(dataset=dict(pipeline=PIPELINE)))
    checkpoint["meta"]["cfg"] = Config(config).pretty_text
    torch.save(checkpoint, folder / "epoch_1.pth")
    return folder


def model_of(folder: Path) -> Any:
    return build_from_checkpoint(torch.load(folder / "epoch_1.pth", weights_only=True))


@pytest.mark.parametrize("name", ["", "epoch_1.pth"])
def test_of_a_pretraining_the_teachers_features_and_scores_are_measured_at_its_views_scale(pretraining, name, images):
    found, model = network_of_weights(pretraining / name), model_of(pretraining)
    expect_features(found, model.teacher.backbone(normalized(images))[-1], images)
    expected = model.teacher.neck(model.teacher.backbone(normalized(images))).scores
    torch.testing.assert_close(found.encode(images).scores, expected, rtol=0, atol=1e-5)
    assert found.views == (48, 48)
    assert found.origin == "teacher, step 0"
    assert found.with_random_weights(0).origin == ""
    assert found.neck.temperature == 0.07


def test_the_student_is_measured_where_it_is_asked_for(pretraining, images):
    found, model = network_of_weights(pretraining, source="student"), model_of(pretraining)
    assert found.origin == "student, step 0"
    expect_features(found, model.backbone(normalized(images))[-1], images)
    expected = model.neck(model.backbone(normalized(images))).scores
    torch.testing.assert_close(found.encode(images).scores, expected, rtol=0, atol=1e-5)
    other = network_of_weights(pretraining).encode(images).features
    assert not found.encode(images).features.allclose(other, atol=1e-2)


@pytest.mark.parametrize("file_format", ["mm", "torchvision", "timm"])
@pytest.mark.parametrize("source", ["teacher", "student"])
def test_an_exported_backbone_has_the_features_of_the_one_in_the_run(
    pretraining, tmp_path, file_format, source, images
):
    path = tmp_path / "backbone.pth"
    options = ["--format", file_format, "--source", source]
    result = run_tool("tools/convert_checkpoint.py", "backbone", str(pretraining), str(path), *options)
    assert result.code == 0, result.said
    found, of_run = network_of_weights(path), network_of_weights(pretraining, source=source)
    assert found.neck is None
    assert found.encode(images).features.equal(of_run.encode(images).features)


@pytest.mark.parametrize("file_format", ["mm", "torchvision"])
def test_an_exported_backbone_sees_pixels_as_its_pretraining_did(pretraining, tmp_path, file_format):
    checkpoint = torch.load(pretraining / "epoch_1.pth", weights_only=True)
    pixels = dict(mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0])
    preprocessor = dict(type="slotcon_mm.ViewPreprocessor", **pixels)
    checkpoint["meta"]["cfg"] = Config(dict(model=dict(TINY_CONFIG, data_preprocessor=preprocessor))).pretty_text
    torch.save(checkpoint, tmp_path / "other.pth")
    paths = [str(tmp_path / name) for name in ("other.pth", "backbone.pth")]
    result = run_tool("tools/convert_checkpoint.py", "backbone", *paths, "--format", file_format)
    assert result.code == 0, result.said
    assert [network_of_weights(path).pixels for path in paths] == [dict(pixels, channels="RGB")] * 2


def test_a_file_that_says_whose_weights_it_holds_is_not_measured_as_anothers(pretraining, tmp_path):
    path = str(tmp_path / "teacher.pth")
    assert run_tool("tools/convert_checkpoint.py", "backbone", str(pretraining), path).code == 0
    with pytest.raises(ValueError, match="expected a checkpoint that holds a student, got one of teacher only"):
        network_of_weights(path, source="student")


def test_an_official_file_that_was_converted_has_the_features_of_its_teacher(pretraining, tmp_path, images):
    """Told by shapes: it carries no config."""
    official = tmp_path / "official.pth"
    torch.save(to_official(torch.load(pretraining / "epoch_1.pth", weights_only=True)), official)
    converted = tmp_path / "converted.pth"
    result = run_tool("tools/convert_checkpoint.py", "from-official", str(official), str(converted))
    assert result.code == 0, result.said
    checkpoint = torch.load(converted, weights_only=True)
    assert "cfg" not in checkpoint["meta"]
    found, of_run = network_of_weights(converted).encode(images), network_of_weights(pretraining).encode(images)
    torch.testing.assert_close(found.features, of_run.features, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.scores, of_run.scores, rtol=0, atol=1e-6)
    assert network_of_weights(converted).with_random_weights(0).encode(images).features.shape == of_run.features.shape


CLASSIFIER = dict(
    type="ImageClassifier",
    backbone=dict(type="ResNet", depth=18, base_channels=8, stem_channels=8),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(type="LinearClsHead", num_classes=10, in_channels=64),
)
OTHER_PIXELS = dict(mean=[10.0, 20.0, 30.0], std=[40.0, 50.0, 60.0], to_rgb=False)


def save_downstream(path: Path, model: dict[str, Any], **config: Any) -> nn.Module:
    built = lived_in(MMPRETRAIN_MODELS.build(dict(model)))
    meta = dict(cfg=Config(dict(model=model, default_scope="mmpretrain", **config)).pretty_text)
    torch.save(dict(state_dict=built.state_dict(), meta=meta), path)
    return built


@pytest.mark.parametrize("to_rgb", [True, False])
def test_a_classifier_of_mmpretrain_sees_pixels_as_its_config_says(tmp_path, to_rgb, images):
    pixels = {**OTHER_PIXELS, "to_rgb": to_rgb}
    pipeline = dict(dataset=dict(pipeline=[dict(type="LoadImageFromFile")]))
    model = save_downstream(tmp_path / "c.pth", CLASSIFIER, data_preprocessor=pixels, train_dataloader=pipeline)
    found = network_of_weights(tmp_path / "c.pth")
    # mean and std are those of the network's channels, whatever their order
    mean, std = (torch.tensor(pixels[name]).view(3, 1, 1) for name in ("mean", "std"))
    shown = images if to_rgb else images.flip(1)
    expect_features(found, model.backbone((shown - mean) / std)[-1], images)
    assert found.neck is None


DILATED = dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), contract_dilation=True, norm_cfg=dict(type="SyncBN"))


@pytest.mark.parametrize(
    ("scope", "preprocessor", "backbone", "cells"),
    [
        ("mmseg", dict(type="SegDataPreProcessor", size=(64, 64)), dict(type="ResNetV1c", **DILATED), 8),
        ("mmdet", dict(type="DetDataPreprocessor"), dict(type="ResNet", frozen_stages=1, norm_eval=True), 2),
    ],
)  # fmt: skip
@pytest.mark.hosts
def test_a_fine_tuned_model_is_measured_by_its_backbone_alone(tmp_path, scope, preprocessor, backbone, cells, images):
    backbone = dict(backbone, depth=18, base_channels=8, stem_channels=8, out_indices=(0, 1, 2, 3))
    network = build_registered(backbone, scope)
    lived_in(network)
    pixels = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True)
    model = dict(
        type="Any", backbone=dict(backbone, init_cfg=dict(type="Pretrained", checkpoint="nowhere.pth")),
        neck=dict(type="FPN"), data_preprocessor={**preprocessor, **pixels},
    )  # fmt: skip
    loader = dict(dataset=dict(pipeline=[dict(type="LoadImageFromFile")]))
    meta = dict(cfg=Config(dict(model=model, default_scope=scope, train_dataloader=loader)).pretty_text)
    weights = {f"backbone.{name}": value for name, value in network.state_dict().items()}
    torch.save(dict(state_dict={**weights, "neck.a.weight": torch.ones(2)}, meta=meta), tmp_path / "f.pth")
    found = network_of_weights(tmp_path / "f.pth")
    expect_features(found, network(normalized(images))[-1].detach(), images)
    assert found.with_random_weights(0).encode(images).features.shape == (2, 64, cells, cells)


def test_a_vision_transformer_of_mmpretrain_yields_its_map(tmp_path, images):
    arch = dict(embed_dims=12, num_layers=2, num_heads=2, feedforward_channels=24)
    backbone = dict(type="VisionTransformer", arch=arch, img_size=64, patch_size=16)
    head = dict(type="VisionTransformerClsHead", num_classes=3, in_channels=12)
    save_downstream(tmp_path / "v.pth", dict(type="ImageClassifier", backbone=backbone, head=head))
    assert network_of_weights(tmp_path / "v.pth").encode(images).features.shape == (2, 12, 4, 4)


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, nn.Module]:
    network = lived_in(torchvision.models.resnet18())
    path = tmp_path_factory.mktemp("plain") / "resnet18.pth"
    torch.save(network.state_dict(), path)
    return path, network


@pytest.mark.parametrize("backbone", [None, "resnet18", "torchvision/resnet18"])
def test_a_plain_resnet_of_torchvision_has_its_features_named_or_not(resnet, backbone, images):
    path, network = resnet
    expected = create_feature_extractor(network, {"layer4": "map"})(normalized(images))["map"].detach()
    expect_features(network_of_weights(path, backbone=backbone), expected, images)


def test_a_convnext_of_torchvision_has_its_features_where_it_is_named(tmp_path, images):
    network = lived_in(torchvision.models.convnext_tiny())
    torch.save(network.state_dict(), tmp_path / "c.pth")
    expected = create_feature_extractor(network, {"features": "map"})(normalized(images))["map"].detach()
    expect_features(network_of_weights(tmp_path / "c.pth", backbone="torchvision/convnext_tiny"), expected, images)
    with pytest.raises(ValueError, match=r"c.pth to say what network it is of, got weights alone: pass --backbone"):
        network_of_weights(tmp_path / "c.pth")


def test_a_config_names_the_network_of_plain_weights(resnet, tmp_path, images):
    path, network = resnet
    config = tmp_path / "c.py"
    config.write_text("model = dict(backbone=dict(type='ResNet', depth=18))\ndefault_scope = 'mmpretrain'\n")
    expected = create_feature_extractor(network, {"layer4": "map"})(normalized(images))["map"].detach()
    pixels = "data_preprocessor = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)\n"
    config.write_text(config.read_text() + pixels)
    expect_features(network_of_weights(path, backbone=str(config)), expected, images)
    without = tmp_path / "none.py"
    without.write_text("a = 1\n")
    with pytest.raises(ValueError, match=r"a config with model.backbone for --backbone, got .*none.py without one"):
        network_of_weights(path, backbone=str(without))


def test_files_of_another_network_are_refused_with_what_does_not_fit(resnet, pretraining, tmp_path):
    path, network = resnet
    with pytest.raises(ValueError, match=r"resnet18.pth: .*different model: .*Pass --backbone with the right one"):
        network_of_weights(path, backbone="resnet50")
    partly = {name: value for name, value in network.state_dict().items() if not name.startswith("layer3.1.bn2")}
    torch.save(partly, tmp_path / "partly.pth")
    with pytest.raises(ValueError, match=r"partly.pth: .*missing: layer3.1.bn2.bias"):
        network_of_weights(tmp_path / "partly.pth")
    torch.save({**network.state_dict(), "layer9.weight": torch.ones(1)}, tmp_path / "more.pth")
    with pytest.raises(ValueError, match=r"more.pth: .*unexpected: layer9.weight"):
        network_of_weights(tmp_path / "more.pth", backbone="resnet18")


def test_what_is_no_file_of_weights_is_refused_in_words(pretraining, tmp_path):
    torch.save(dict(epoch=3, args="none"), tmp_path / "none.pth")
    with pytest.raises(ValueError, match="expected weights or a dict with 'state_dict', got a dict of 'epoch', 'args'"):
        network_of_weights(tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(ValueError, match="expected"):
        network_of_weights(tmp_path / "text.pth")
    with pytest.raises(FileNotFoundError, match="a checkpoint or a work dir for WEIGHTS, got nowhere"):
        network_of_weights("nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="expected a work dir with a checkpoint"):
        network_of_weights(tmp_path / "empty")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet7", "expected a config, torchvision/NAME or timm/NAME for --backbone, got resnet7"),
        ("torchvision/resnet7", "expected a classification network of torchvision .*, got resnet7"),
        ("torchvision/vit_b_16", "whose last feature map is known here .*, got vit_b_16"),
        ("vit_b_16", "got vit_b_16: pass a config with mmpretrain's network of that kind"),
    ],
)
def test_unknown_names_and_networks_without_a_known_map_are_refused(resnet, name, message):
    with pytest.raises(ValueError, match=message):
        network_of_weights(resnet[0], backbone=name)


def test_a_config_that_is_not_there_is_an_error_that_names_it(resnet):
    with pytest.raises(OSError, match=r"nowhere.py"):
        network_of_weights(resnet[0], backbone="nowhere.py")


@pytest.mark.skipif(importlib.util.find_spec("timm") is not None, reason="timm is installed")
def test_timm_is_asked_for_where_it_is_not_installed():
    with pytest.raises(ImportError, match="timm/resnet18 needs timm, which is not installed"):
        kind_of_name("timm/resnet18")


@pytest.mark.parametrize("which", ["pretraining", "torchvision"])
def test_random_weights_of_the_same_network_differ_by_the_seed_and_leave_random_numbers_alone(
    pretraining, resnet, which, images
):
    found = {
        "pretraining": lambda: network_of_weights(pretraining),
        "torchvision": lambda: network_of_weights(resnet[0], backbone="resnet18"),
    }[which]()
    state = torch.get_rng_state()
    one, again, other = (found.with_random_weights(seed).encode(images).features for seed in (0, 0, 1))
    assert torch.get_rng_state().equal(state)
    assert one.equal(again)
    assert not one.allclose(other, atol=1e-2)
    assert one.shape == found.encode(images).features.shape
    assert found.with_random_weights(0).views == found.views


def test_a_model_in_training_is_measured_as_its_checkpoint_would_be(pretraining, tmp_path, images):
    config = dict(model=TINY_CONFIG, train_dataloader=dict(dataset=dict(pipeline=PIPELINE)))
    found, of_file = network_of_model(model_of(pretraining), config), network_of_weights(pretraining)
    assert found.encode(images).features.equal(of_file.encode(images).features)
    assert (found.pixels, found.views, found.in_index) == (of_file.pixels, of_file.views, of_file.in_index)
    classifier = save_downstream(tmp_path / "c.pth", CLASSIFIER)
    of_model = network_of_model(classifier, dict(model=CLASSIFIER, default_scope="mmpretrain"))
    assert of_model.encode(images).features.equal(network_of_weights(tmp_path / "c.pth").encode(images).features)


@pytest.mark.parametrize(("source", "seed"), [(None, 2), ("student", 1)])
def test_a_wrapped_resnet_of_another_method_needs_no_name_and_has_a_teacher(tmp_path, source, seed, images):
    networks = {seed: lived_in(torchvision.models.resnet18(num_classes=3), seed) for seed in (1, 2)}
    state = {f"module.base_encoder.{name}": value for name, value in networks[1].state_dict().items()}
    state |= {f"module.momentum_encoder.{name}": value for name, value in networks[2].state_dict().items()}
    torch.save(dict(epoch=1, state_dict=state), tmp_path / "moco_v3.pth.tar")
    expected = create_feature_extractor(networks[seed], {"layer4": "map"})(normalized(images))["map"].detach()
    found = network_of_weights(tmp_path / "moco_v3.pth.tar", source=source)
    expect_features(found, expected, images)
    assert found.origin == {None: "teacher: momentum_encoder", "student": "student: base_encoder"}[source]


def test_whose_weights_are_asked_for_is_passed_over_where_a_file_holds_one_network(resnet, images):
    path, network = resnet
    expected = create_feature_extractor(network, {"layer4": "map"})(normalized(images))["map"].detach()
    found = network_of_weights(path, source="student")
    expect_features(found, expected, images)
    assert found.origin == "backbone"


def test_a_vision_transformer_of_dino_is_measured_by_timms_network(tmp_path, images):
    timm = pytest.importorskip("timm")
    theirs = lived_in(timm.create_model("test_vit", num_classes=0, dynamic_img_size=True))
    state = {f"backbone.{name}": value for name, value in theirs.state_dict().items()}
    torch.save(dict(teacher=state, student={}), tmp_path / "dino.pth")
    found = network_of_weights(tmp_path / "dino.pth", backbone="timm/test_vit")
    assert found.origin == "teacher"  # by the network's own names
    tokens = theirs.forward_features((images - 127.5) / 127.5)[:, 1:].detach()
    expect_features(found, tokens.transpose(1, 2).unflatten(2, (4, 4)), images)


@pytest.mark.parametrize("address", ["torchvision://resnet18", "timm://resnet18.a1_in1k"])
def test_an_address_names_network_and_weights(address, resnet, monkeypatch, images):
    path, network = resnet
    if address.startswith("timm"):
        pytest.importorskip("timm")
        monkeypatch.setattr("slotcon_mm.checkpoints.timm_weights.find", lambda *given: path)
    monkeypatch.setattr("slotcon_mm.checkpoints.addresses.download", lambda address: path)
    expected = create_feature_extractor(network, {"layer4": "map"})(normalized(images))["map"].detach()
    expect_features(network_of_weights(address), expected, images)
