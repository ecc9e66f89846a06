"""A backbone in other libraries' names."""

from __future__ import annotations

import pytest
import torch
import torchvision

from slotcon_mm.checkpoints.formats import FORMATS, export_backbone, is_plain_resnet
from slotcon_mm.checkpoints.network_facts import facts_in
from slotcon_mm.checkpoints.publish import write_weights
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local
from slotcon_mm.checkpoints.standard_resnet import standard_facts


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
