"""Which weights fit, and what is said of those that do not."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config

from slotcon_mm.engine.pretrained import check_fit, use_pretrained

MODEL = dict(a=torch.ones(2), b=torch.ones(3, 3))


def test_weights_of_the_same_model_fit():
    check_fit(MODEL, dict(MODEL), every=True)
    check_fit(MODEL, dict(a=torch.ones(2)), every=False)


@pytest.mark.parametrize(
    ("loaded", "every", "message"),
    [
        (dict(c=torch.ones(2)), False, "0 of 2 tensors fit.*missing: a, b; unexpected: c"),
        (dict(a=torch.ones(5), b=MODEL["b"]), False, r"of another shape: a \(5,\), expected \(2,\)"),
        (dict(a=torch.ones(2)), True, "1 of 2 tensors fit.*missing: b"),
        (dict(MODEL, x=torch.ones(1)), True, "unexpected: x"),
    ],
)
def test_weights_of_another_model_are_refused_with_the_list(loaded, every, message):
    with pytest.raises(ValueError, match=message):
        check_fit(MODEL, loaded, every=every)


@pytest.mark.parametrize("prefix", ["teacher.backbone.", "backbone.", ""])
def test_a_downstream_backbone_takes_the_teachers_weights_first(tmp_path, prefix):
    names = [p + "conv1.weight" for p in ("teacher.backbone.", "backbone.", "")]
    state = {name: torch.ones(1) for name in names[["teacher.backbone.", "backbone.", ""].index(prefix) :]}
    torch.save(dict(state_dict=state), tmp_path / "c.pth")
    config = Config(dict(model=dict(type="FCN", pretrained="x", backbone=dict(type="ResNet"))))
    use_pretrained(config, tmp_path / "c.pth")
    assert config.model.backbone.init_cfg.prefix == prefix
    assert "pretrained" not in config.model
