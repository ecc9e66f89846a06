"""Every tensor of a backbone, and the proof of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from helpers import TINY_CONFIG
from mmpretrain.models import ResNet, ResNetV1c, VisionTransformer
from other_libraries import lived_in
from torch import Tensor, nn

from slotcon_mm.checkpoints.filling import GivenWeights, backbone_tensors, grid_of
from slotcon_mm.checkpoints.names.families import all_namings
from slotcon_mm.checkpoints.names.translation import by_their_names
from slotcon_mm.models import WindowedVisionTransformer
from slotcon_mm.registry import MODELS

SMALL = dict(base_channels=8, stem_channels=8)


def downstream(backbone: nn.Module) -> SimpleNamespace:
    return SimpleNamespace(backbone=backbone)


def given(backbone: nn.Module) -> GivenWeights:
    state = {f"teacher.backbone.{name}": value for name, value in backbone.state_dict().items()}
    return GivenWeights("weights.pth", dict(state_dict={**state, "teacher.steps": torch.tensor(4)}))


def test_a_filled_backbone_is_told_in_one_line():
    source, model = ResNet(depth=18, **SMALL), downstream(ResNet(depth=18, **SMALL))
    filling = given(source).fit(model)
    filling.fill(model)
    assert filling.verify(model) == (
        "--pretrained: 120 of 120 backbone tensors filled from weights.pth (teacher, step 4)"
    )
    assert model.backbone.conv1.weight.equal(source.conv1.weight)


# what stands before the names of teacher and student in files of DINO and iBOT, MoCo v2, MoCo v3, BYOL, averaged
# weights, and of mmpretrain's MoCo and BYOL
PAIRS = {
    "DINO": ("teacher.backbone.", "student.module.backbone."),
    "MoCo v2": ("state_dict.module.encoder_k.", "state_dict.module.encoder_q."),
    "MoCo v3": ("state_dict.module.momentum_encoder.", "state_dict.module.base_encoder."),
    "BYOL": ("target_network.encoder.", "online_network.encoder."),
    "averaged": ("state_dict_ema.", "state_dict."),
    "mmpretrain's MoCo": ("state_dict.encoder_k.module.0.", "state_dict.backbone."),
    "mmpretrain's BYOL": ("state_dict.target_net.module.0.", "state_dict.backbone."),
}


NO_SIDES = ("state_dict", "module", "backbone", "encoder", "0")


@pytest.mark.parametrize("source", [None, "teacher", "student"])
@pytest.mark.parametrize("method", PAIRS)
def test_whose_weights_were_taken_is_said_in_the_files_own_word(method, source):
    before = dict(zip(("teacher", "student"), PAIRS[method], strict=True))
    checkpoint: dict = {}
    parts = {side: ResNet(depth=18, **SMALL) for side in before}
    for side, prefix in before.items():
        group, _, rest = prefix.partition(".")
        inner = {rest + name: value for name, value in parts[side].state_dict().items()}
        checkpoint[group] = {**checkpoint.get(group, {}), **inner}
    model = downstream(ResNet(depth=18, **SMALL))
    filling = GivenWeights("f.pth", checkpoint, source).fit(model)
    filling.fill(model)
    taken = source or "teacher"
    assert model.backbone.conv1.weight.equal(parts[taken].conv1.weight)
    words = [part for part in before[taken].split(".") if part not in ("", taken, *NO_SIDES)]
    whose = f"{taken}: {words[0]}" if words else taken
    assert filling.verify(model).endswith(f"filled from f.pth ({whose})")
    assert any(note.startswith("not used: ") for note in filling.backbone.notes)


def test_student_and_teacher_are_filled_and_all_else_stays():
    model = MODELS.build({"_scope_": "mmpretrain", **TINY_CONFIG})
    before = {name: value.clone() for name, value in model.state_dict().items()}
    source = ResNet(depth=18, **SMALL)
    source.bn1.running_mean.fill_(3.0)
    filling = GivenWeights("w.pth", source.state_dict()).fit(model)
    filling.fill(model)
    assert filling.verify(model) == (
        "--pretrained: 120 of 120 student's backbone tensors and 120 of 120 teacher's backbone tensors filled from "
        "w.pth (backbone); all other parts start from random weights"
    )
    for name, value in model.state_dict().items():
        part, _, inner = name.rpartition("backbone.")
        assert value.equal(source.state_dict()[inner] if part in ("", "teacher.") and inner != name else before[name])


def test_a_tensor_that_kept_its_random_values_is_found():
    model = downstream(ResNet(depth=18, **SMALL))
    filling = given(model.backbone).fit(model)
    model.backbone.conv1 = nn.Conv2d(3, 8, 7, bias=False)
    with pytest.raises(RuntimeError, match=r"different ones in conv1.weight$"):
        filling.verify(model)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (ResNet(depth=34), "missing: layer1.2.bn1.bias"),
        (ResNet(depth=18, base_channels=32), r"of another shape: layer1.0.bn1.bias \(64,\), expected \(32,\)"),
        (ResNetV1c(depth=18), "missing: stem.0.bn.bias.*\n.*set|need model.backbone.type=ResNet"),
    ],
)
def test_another_variant_stops_with_the_list(target, message):
    with pytest.raises(ValueError, match=message):
        given(ResNet(depth=18)).fit(downstream(target))


ARCH = dict(embed_dims=8, num_layers=1, num_heads=2, feedforward_channels=16)


@pytest.mark.parametrize(
    ("source", "target", "fix"),
    [
        (dict(layer_scale_init_value=1e-5), {}, "layer_scale_init_value=1e-5"),
        ({}, dict(layer_scale_init_value=1e-5), "layer_scale_init_value=0."),
        ({}, dict(patch_size=8), "patch_size and arch"),
    ],
)
def test_the_error_says_what_makes_the_network_of_the_weights(source, target, fix):
    with pytest.raises(ValueError, match=f"need model.backbone.{fix}$"):
        given(VisionTransformer(ARCH, **source)).fit(downstream(VisionTransformer(ARCH, **target)))


def test_a_shared_head_counts_as_the_backbones_last_stage():
    backbone, head = nn.Module(), nn.Module()
    backbone.layer3, head.layer4, head.norm = nn.Linear(1, 1), nn.Linear(1, 1), nn.BatchNorm1d(1)
    model = SimpleNamespace(backbone=backbone, roi_head=SimpleNamespace(shared_head=head))
    assert set(backbone_tensors(model)) == {"layer3.weight", "layer3.bias", "layer4.weight", "layer4.bias"}


def test_a_vision_transformer_says_the_grid_of_its_positions():
    assert grid_of(VisionTransformer(ARCH, img_size=(64, 32))) == (4, 2)
    assert grid_of(ResNet(depth=18)) is None


def as_our_pretraining(weights: dict[str, Tensor]) -> dict:
    return dict(state_dict={f"{side}backbone.{name}": weights[name] for side in ("teacher.", "") for name in weights})


def as_dino(weights: dict[str, Tensor]) -> dict:
    naming = next(known.naming for known in all_namings() if known.naming.library.startswith("timm (DINO's"))
    theirs, _ = by_their_names(naming, weights)
    theirs["head.last_layer.weight"] = torch.ones(4, 8)
    return {side: {f"{before}{name}": value for name, value in theirs.items()}
            for side, before in (("teacher", "backbone."), ("student", "module.backbone."))}  # fmt: skip


@pytest.mark.parametrize("wrapped", [as_our_pretraining, as_dino])
def test_detectors_and_segmentors_take_all_of_a_vision_transformer_that_they_have(wrapped):
    source = lived_in(VisionTransformer(ARCH, img_size=64))
    weights = {**source.state_dict(), "mask_token": torch.ones(1, 8)}
    windowed = downstream(WindowedVisionTransformer(ARCH, img_size=64, global_blocks=[0], final_norm=False))
    filling = GivenWeights("f.pth", wrapped(weights)).fit(windowed)
    filling.fill(windowed)
    assert "15 of 15 backbone tensors filled from f.pth (teacher" in filling.verify(windowed)
    assert windowed.backbone.pos_embed.equal(source.pos_embed[:, 1:])
    assert windowed.backbone.layers[0].attn.qkv.weight.equal(source.layers[0].attn.qkv.weight)
    said = "\n".join(filling.describe())
    assert all(name in said for name in ("cls_token", "ln1.bias", "ln1.weight"))
    assert "the network has no class token, to which patches attended" in said

    plain = downstream(VisionTransformer(ARCH, img_size=128, out_type="featmap", final_norm=False))
    filling = GivenWeights("f.pth", wrapped(weights)).fit(plain)
    filling.fill(plain)
    assert "16 of 16 backbone tensors filled from f.pth (teacher" in filling.verify(plain)
    said = "\n".join(filling.describe())
    assert "position embeddings resized from 4 x 4 to 8 x 8 (bicubic)" in said
    assert "no class token" not in said


def test_a_mask_token_is_said_to_be_left_out():
    weights = {**VisionTransformer(ARCH).state_dict(), "mask_token": torch.ones(1, 8)}
    target = downstream(VisionTransformer(ARCH, out_type="featmap"))
    filling = GivenWeights("f.pth", as_our_pretraining(weights)).fit(target)
    assert "--pretrained f.pth: left over: mask_token" in filling.describe()


DEFORMED = dict(
    dcn=dict(type="DCNv2", deform_groups=1, fallback_on_stride=False), stage_with_dcn=(False, True, True, True)
)
PLUGGED = dict(
    plugins=[
        dict(cfg=dict(type="ContextBlock", ratio=1 / 4), stages=(False, True, True, True), position="after_conv3"),
        dict(cfg=dict(type="NonLocal2d"), stages=(False, False, False, True), position="after_conv2"),
    ]
)


@pytest.mark.hosts
@pytest.mark.parametrize(
    ("added", "said"), [(DEFORMED, "conv2.conv_offset.bias"), (PLUGGED, "context_block.channel_add_conv.0.bias")]
)
def test_what_a_detector_adds_starts_from_its_own_values_and_all_else_is_filled(added, said):
    from mmdet.models import ResNet as DetectorsResNet

    source = ResNet(depth=50, **SMALL)
    model = downstream(DetectorsResNet(depth=50, **SMALL, **added))
    own = {name: value.clone() for name, value in model.backbone.state_dict().items()}
    filling = given(source).fit(model)
    filling.fill(model)
    assert filling.verify(model).startswith("--pretrained: 318 of 318 backbone tensors filled from weights.pth")
    (note,) = [note for note in filling.describe() if "as initialized" in note]
    assert said in note
    added_names = own.keys() - source.state_dict().keys()
    assert added_names
    assert all(model.backbone.state_dict()[name].equal(own[name]) for name in added_names)


@pytest.mark.hosts
def test_what_a_detector_added_is_no_part_of_a_network_without():
    from mmdet.models import ResNet as DetectorsResNet

    with pytest.raises(ValueError, match=r"unexpected: layer2.0.conv2.conv_offset.bias"):
        given(DetectorsResNet(depth=50, **SMALL, **DEFORMED)).fit(downstream(ResNet(depth=50, **SMALL)))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_tensor_that_is_not_finite_is_named_with_its_file(value):
    source = ResNet(depth=18, **SMALL)
    with torch.no_grad():
        source.layer1[0].conv1.weight[0, 0] = value
    with pytest.raises(
        ValueError, match=r"finite weights in weights\.pth, got NaN or infinity in layer1\.0\.conv1\.wei"
    ):
        given(source).fit(downstream(ResNet(depth=18, **SMALL)))
