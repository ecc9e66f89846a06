"""Filled before the first step, and said."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from slotcon_mm.checkpoints.backbone import Backbone
from slotcon_mm.checkpoints.filling import Filling
from slotcon_mm.engine.hooks.fill_backbone_hook import FillBackboneHook


def test_values_are_filled_compared_and_said_and_the_tensors_let_go():
    backbone, lines = nn.Linear(2, 2), []
    model = nn.Module()
    model.backbone = backbone
    wanted = {name: torch.randn_like(value) for name, value in backbone.state_dict().items()}
    runner = SimpleNamespace(model=model, logger=SimpleNamespace(info=lines.append))
    hook = FillBackboneHook(Filling("w.pth", Backbone(wanted, "teacher", 1, "")))
    for _ in range(2):
        hook.before_train(runner)
        assert backbone.weight.equal(wanted["weight"])
        torch.nn.init.zeros_(backbone.weight)
        wanted["weight"] = torch.zeros(2, 2)
    assert lines == ["--pretrained: 2 of 2 backbone tensors filled from w.pth (teacher, step 1)"]
    assert hook.filling is None


def test_it_comes_before_every_other_hook():
    assert FillBackboneHook(Filling("w.pth", Backbone({}, "teacher", 1, ""))).priority == "HIGHEST"


def test_values_that_did_not_arrive_stop_the_training():
    model = nn.Module()
    model.backbone = nn.Linear(2, 2)
    filling = Filling("w.pth", Backbone({k: v + 1 for k, v in model.backbone.state_dict().items()}, "teacher", 1, ""))
    with pytest.raises(RuntimeError, match="different ones in bias, weight"):
        filling.verify(model)
