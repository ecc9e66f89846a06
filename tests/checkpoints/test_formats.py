"""A backbone in other libraries' names."""

from __future__ import annotations

import pytest
import torch
import torchvision
from mmpretrain.models import ConvNeXt, VisionTransformer

from slotcon_mm.checkpoints.formats import FORMATS, export_backbone, in_library, is_plain_resnet
from slotcon_mm.checkpoints.network_facts import facts_in
from slotcon_mm.checkpoints.publish import write_weights
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local
from slotcon_mm.checkpoints.standard_resnet import standard_facts
from slotcon_mm.models import MaskedVisionTransformer


def resnet(name: str = "resnet50") -> dict[str, torch.Tensor]:
    weights = torchvision.models.get_model(name).state_dict()
    return {key: value for key, value in weights.items() if not key.startswith("fc.")}


def detectron2_names() -> set[str]:
    """Of a ResNet-50 in Detectron2, written out from its modules: stem.conv1, res2 to res5, shortcut, norm."""
    convolutions = ["stem.conv1"]
    for stage, blocks in zip(range(2, 6), (3, 4, 6, 3), strict=True):
        for block in range(blocks):
            convolutions += [f"res{stage}.{block}.conv{i}" for i in (1, 2, 3)]
        convolutions.append(f"res{stage}.0.shortcut")
    norm = [f"norm.{name}" for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]
    return {f"{name}.{leaf}" for name in convolutions for leaf in ["weight", *norm]}


@pytest.mark.parametrize("file_format", ["torchvision", "timm"])
def test_torchvision_takes_every_tensor(file_format):
    exported = export_backbone(resnet("resnet18"), source="teacher", step=1, file_format=file_format)
    model = torchvision.models.resnet18()
    model.fc = torch.nn.Identity()
    model.load_state_dict(exported, strict=True)


def test_detectron2_names_are_its_own():
    exported = export_backbone(resnet(), source="teacher", step=1, file_format="detectron2")
    assert set(exported["model"]) == detectron2_names()
    assert exported["matching_heuristics"]
    assert exported["model"]["res3.0.shortcut.weight"].shape == (512, 256, 1, 1)
    assert exported["model"]["res5.2.conv3.norm.weight"].shape == (2048,)


def test_the_form_of_openmmlab_says_whose_weights_it_holds():
    exported = export_backbone(dict(anything=torch.ones(1)), source="student", step=5, file_format="mm")
    assert exported["meta"] == dict(source="student", step=5)
    assert set(exported["state_dict"]) == {"anything"}


@pytest.mark.parametrize("file_format", ["torchvision", "timm", "detectron2"])
def test_other_backbones_are_refused_where_names_are_a_resnets(file_format):
    strange = {**resnet("resnet18"), "stem.0.weight": torch.ones(1)}
    assert not is_plain_resnet(strange)
    with pytest.raises(ValueError, match=f"torchvision's stem for the format {file_format}, got stem.0.weight"):
        export_backbone(strange, source="teacher", step=0, file_format=file_format)


def test_what_a_library_has_no_place_for_in_its_vit_is_named():
    arch = dict(embed_dims=12, num_layers=1, num_heads=2, feedforward_channels=24)
    state = MaskedVisionTransformer(arch, img_size=32, layer_scale_init_value=1e-5).state_dict()
    with pytest.raises(
        ValueError, match=r"got layers\.0\.attn\.gamma1\.weight, layers\.0\.ffn\.gamma2\.weight; timm has more"
    ):
        export_backbone(state, source="teacher", step=0, file_format="torchvision")


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_format_says_which_network_its_weights_are_of(file_format, tmp_path):
    weights = resnet("resnet18")
    network = standard_facts(weights)
    exported = export_backbone(weights, source="teacher", step=1, file_format=file_format, network=network)
    write_weights(exported, tmp_path / "b.pth")
    loaded = load_from_safe_local(str(tmp_path / "b.pth"))
    assert facts_in(loaded) == network
    if file_format == "torchvision":
        model = torchvision.models.resnet18()
        model.fc = torch.nn.Identity()
        model.load_state_dict(loaded, strict=True)


@pytest.mark.parametrize("file_format", FORMATS)
def test_without_facts_nothing_is_noted(file_format):
    exported = export_backbone(resnet("resnet18"), source="teacher", step=1, file_format=file_format)
    assert facts_in(exported) is None


@pytest.mark.parametrize("file_format", ["torchvision", "timm"])
def test_norms_of_outputs_that_only_detectors_read_are_left_out_and_named(file_format):
    arch = dict(depths=[1, 1, 1, 1], channels=[4, 6, 8, 10])
    weights = ConvNeXt(arch, out_indices=(0, 1, 2, 3)).state_dict()
    renamed, left_out = in_library(weights, file_format)
    assert left_out == [f"norm{stage}.{leaf}" for stage in range(3) for leaf in ("weight", "bias")]
    assert len(renamed) == len(weights) - 6


def test_a_network_that_a_library_does_not_have_is_refused():
    arch = dict(embed_dims=8, num_layers=1, num_heads=2, feedforward_channels=16)
    weights = VisionTransformer(arch, layer_scale_init_value=1e-5).state_dict()
    with pytest.raises(ValueError, match=r"that the library has, or a ResNet .* for the format torchvision"):
        in_library(weights, "torchvision")


@pytest.mark.parametrize("file_format", ["mm", "torchvision", "timm"])
def test_files_of_safetensors_hold_the_weights_and_the_facts(file_format, tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    weights = resnet("resnet18")
    network = standard_facts(weights)
    exported = export_backbone(weights, source="teacher", step=7, file_format=file_format, network=network)
    write_weights(exported, tmp_path / "b.safetensors")
    plain = safetensors.load_file(tmp_path / "b.safetensors")  # as timm and Hugging Face read it
    assert all(plain[name].equal(value) for name, value in weights.items())
    loaded = load_from_safe_local(str(tmp_path / "b.safetensors"))
    assert facts_in(loaded) == network
    if file_format == "mm":
        assert (loaded["meta"]["source"], loaded["meta"]["step"]) == ("teacher", 7)


def test_detectron2_reads_no_safetensors(tmp_path):
    pytest.importorskip("safetensors")
    exported = export_backbone(resnet("resnet18"), source="teacher", step=1, file_format="detectron2")
    with pytest.raises(ValueError, match=r"weights alone for a file of safetensors, got 'model', .* or in .pkl"):
        write_weights(exported, tmp_path / "b.safetensors")
