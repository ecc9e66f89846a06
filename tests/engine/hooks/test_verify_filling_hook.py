"""What is logged before the first step."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from slotcon_mm.checkpoints.backbone import Backbone
from slotcon_mm.checkpoints.filling import Filling
from slotcon_mm.engine.hooks.verify_filling_hook import VerifyFillingHook


def runner_with(backbone: nn.Module, lines: list[str]) -> SimpleNamespace:
    model = nn.Module()
    model.backbone = backbone
    return SimpleNamespace(model=model, logger=SimpleNamespace(info=lines.append))


def test_the_line_is_logged_if_the_values_arrived_and_training_stops_if_not():
    backbone, lines = nn.Linear(2, 2), []
    wanted = Filling("w.pth", Backbone({k: v.clone() for k, v in backbone.state_dict().items()}, "teacher", 1, ""))
    VerifyFillingHook(wanted).before_train(runner_with(backbone, lines))
    assert lines == ["--pretrained: 2 of 2 backbone tensors filled from w.pth (teacher, step 1)"]
    torch.nn.init.zeros_(backbone.weight)
    with pytest.raises(RuntimeError, match="different ones in weight"):
        VerifyFillingHook(wanted).before_train(runner_with(backbone, lines))
