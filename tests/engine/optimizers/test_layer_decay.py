"""Learning rates that fall toward the input."""

from __future__ import annotations

from typing import Any

import pytest
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmpretrain.registry import MODELS
from runs import CONFIGS
from torch import nn

from slotcon_mm.engine.optimizers.layer_decay import BACKBONE


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
