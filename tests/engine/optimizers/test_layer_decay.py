"""Learning rates that fall toward the input."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmpretrain.models import VisionTransformer
from mmpretrain.registry import MODELS
from runs import CONFIGS
from torch import nn

from slotcon_mm.engine.optimizers.layer_decay import BACKBONE
from slotcon_mm.models.algorithms.layer_depth import layer_depth


@pytest.fixture(scope="module")
def model() -> nn.Module:
    config = Config.fromfile(CONFIGS / "slotcon_r18_quickstart.py")
    return MODELS.build(config.model)


def groups_of(model: nn.Module, **paramwise: Any) -> list[dict[str, Any]]:
    wrapper = build_optim_wrapper(
        model,
        dict(
            type="OptimWrapper",
            optimizer=dict(type="AdamW", lr=2.0, weight_decay=0.5),
            constructor="slotcon_mm.LayerDecayConstructor",
            paramwise_cfg=dict(
                norm_decay_mult=0.0, bias_decay_mult=0.0, custom_keys=dict(prototypes=dict(decay_mult=0.0)), **paramwise
            ),
        ),
    )
    return [group for group in wrapper.optimizer.param_groups if BACKBONE in group]


def setting(model: nn.Module, name: str, groups: list[dict[str, Any]]) -> tuple[float, float]:
    """Rate and decay of a parameter."""
    parameter = dict(model.named_parameters())[name]
    (group,) = [group for group in groups if any(parameter is known for known in group["params"])]
    return group["lr"], group["weight_decay"]


def test_a_layers_rate_is_the_factor_times_the_decay_for_each_layer_above_it(model):
    groups = groups_of(model, layer_decay_rate=0.5, backbone_lr_mult=0.25)
    for stage, layers_above in ((1, 4), (2, 3), (3, 2), (4, 1)):
        rate, _ = setting(model, f"backbone.layer{stage}.0.conv1.weight", groups)
        assert rate == pytest.approx(2 * 0.25 * 0.5**layers_above)
    assert setting(model, "backbone.conv1.weight", groups)[0] == pytest.approx(2 * 0.25 * 0.5**5)
    assert setting(model, "neck.projector.0.weight", groups)[0] == 2
    assert setting(model, "slot_head.predictor.0.weight", groups)[0] == 2


def test_norms_biases_and_prototypes_do_not_decay(model):
    groups = groups_of(model)
    assert setting(model, "backbone.bn1.weight", groups)[1] == 0
    assert setting(model, "neck.projector.0.bias", groups)[1] == 0
    assert setting(model, "neck.prototypes", groups)[1] == 0
    assert setting(model, "backbone.conv1.weight", groups)[1] == 0.5


def test_each_parameter_of_the_student_is_in_one_of_few_groups_and_the_heads_are_first(model):
    groups = groups_of(model, layer_decay_rate=0.5, backbone_lr_mult=0.25)
    found = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(found) == sorted(id(p) for p in model.parameters() if p.requires_grad)
    assert len(groups) == 12  # six depths, with and without decay
    assert groups[0]["lr"] == 2
    assert [group[BACKBONE] for group in groups] == [False] * 2 + [True] * 10


# A ViT and its heads, of which all but 1-D tensors decay -------------------------------------------------------------


def perceptron(*channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [nn.Linear(inputs, outputs), nn.GELU()]
    return nn.Sequential(*layers[:-1])


class Student(nn.Module):
    """SlotMIM's: ViT-B/16, mask token, projector, prototypes and predictor; shapes without memory."""

    def __init__(self) -> None:
        super().__init__()
        with torch.device("meta"):
            self.backbone = VisionTransformer(arch="base", img_size=224, patch_size=16, out_type="featmap")
            self.backbone.mask_token = nn.Parameter(torch.zeros(1, 768))
            self.neck = perceptron(768, 2048, 2048, 256)
            self.neck.prototypes = nn.Parameter(torch.zeros(512, 256))
            self.predictor = perceptron(256, 2048, 256)

    def get_layer_depth(self, name: str) -> tuple[int, int]:
        return layer_depth(self.backbone, name)


@pytest.fixture(scope="module")
def student() -> Student:
    return Student()


def groups_without_flat_decay(student: Student, **paramwise: Any) -> list[dict[str, Any]]:
    wrapper = build_optim_wrapper(
        student,
        dict(
            type="OptimWrapper",
            optimizer=dict(type="slotcon_mm.ClippedAdamW", lr=6e-4, weight_decay=0.04, max_norm=0.3),
            constructor="slotcon_mm.LayerDecayConstructor",
            paramwise_cfg=dict(flat_decay_mult=0.0, **paramwise),
        ),
    )
    return wrapper.optimizer.param_groups


def test_58_tensors_of_a_vit_decay_and_104_do_not_in_four_groups(student):
    groups = groups_without_flat_decay(student)
    decayed, others = (
        [p for g in groups if bool(g["weight_decay"]) is does for p in g["params"]] for does in (True, False)
    )
    assert (len(decayed), len(others), len(groups)) == (58, 104, 4)
    assert {group["weight_decay"] for group in groups} == {0.04, 0.0}
    assert {group["max_norm"] for group in groups} == {0.3}
    assert min(p.ndim for p in decayed) == 2
    assert {p.ndim for p in others} == {1}
    names = {id(p): name for name, p in student.named_parameters()}
    tokens = {"backbone.cls_token", "backbone.pos_embed", "backbone.mask_token", "neck.prototypes"}
    assert tokens <= {names[id(p)] for p in decayed}


def test_with_layer_decay_a_vit_has_two_groups_for_each_rate_and_decays_the_same_tensors(student):
    groups = groups_without_flat_decay(student, layer_decay_rate=0.65)
    assert sum(len(group["params"]) for group in groups if group["weight_decay"]) == 58
    rates = sorted({group["lr"] for group in groups})
    # patches, positions and class token; twelve blocks; the rest
    assert rates == pytest.approx([6e-4 * 0.65**depth for depth in range(13, -1, -1)])
    # backbone and heads apart at the full rate
    assert len(groups) == 2 * 14 + 2


@pytest.fixture(scope="module")
def segmentor() -> nn.Module:
    """A model that does not tell the depth of its parameters, as mmseg's and mmdet's do not."""
    model = nn.Module()
    arch = dict(embed_dims=8, num_layers=2, num_heads=2, feedforward_channels=16)
    model.backbone = VisionTransformer(arch, out_type="featmap", final_norm=False)
    model.decode_head = nn.Conv2d(8, 2, 1)
    return model


def test_models_of_other_hosts_are_asked_by_their_backbones(segmentor):
    groups = groups_of(segmentor, layer_decay_rate=0.5)
    for name, layers_above in (
        ("decode_head.weight", 0),
        ("backbone.layers.1.attn.qkv.weight", 1),
        ("backbone.layers.0.ffn.layers.0.0.weight", 2),
        ("backbone.patch_embed.projection.weight", 3),
        ("backbone.pos_embed", 3),
        ("backbone.cls_token", 3),
    ):
        assert setting(segmentor, name, groups) == (pytest.approx(2 * 0.5**layers_above), 0.5)
    assert setting(segmentor, "backbone.layers.1.ln1.weight", groups)[1] == 0


def test_a_model_without_a_backbone_is_refused():
    with pytest.raises(ValueError, match="expected a backbone that tells the depth of its layers, got NoneType"):
        groups_of(nn.Conv2d(8, 2, 1))
