"""A model out of a checkpoint alone."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config

from slotcon_mm.checkpoints.build import build_from_checkpoint
from slotcon_mm.models import SlotCon
from slotcon_mm.registry import MODELS


def config(depth: int = 18, **backbone: object) -> dict:
    return dict(
        type="slotcon_mm.SlotCon",
        backbone=dict(type="ResNet", depth=depth, base_channels=8, stem_channels=8, **backbone),
        neck=dict(
            type="slotcon_mm.GroupingNeck", in_channels=64 if depth == 18 else 256, hidden_channels=12, out_channels=6,
            num_prototypes=5,
        ),
        group_head=dict(type="slotcon_mm.GroupLossHead"),
        slot_head=dict(type="slotcon_mm.SlotLossHead", hidden_channels=10),
    )  # fmt: skip


def checkpoint(of: dict, text: bool) -> tuple[SlotCon, dict]:
    model = MODELS.build(of).eval()
    meta = dict(cfg=Config(dict(model=of)).pretty_text) if text else {}
    return model, dict(state_dict=model.state_dict(), meta=meta)


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("text", [True, False])
def test_the_model_computes_what_the_saved_one_did(depth, text):
    model, saved = checkpoint(config(depth), text)
    built = build_from_checkpoint(saved)
    image = torch.randn(1, 3, 64, 64)
    assert not built.training
    torch.testing.assert_close(built.teacher(image).scores, model.teacher(image).scores)


def test_strides_that_weights_do_not_show_come_from_the_config():
    _, saved = checkpoint(config(strides=(1, 1, 1, 1)), text=True)
    assert build_from_checkpoint(saved).teacher(torch.randn(1, 3, 64, 64)).scores.shape[-2:] == (16, 16)


def test_what_groups_nothing_is_refused():
    with pytest.raises(ValueError, match=r"without \(a backbone alone groups nothing\).*from-official"):
        build_from_checkpoint(dict(state_dict={"conv1.weight": torch.ones(1)}))
    _, saved = checkpoint(config(), text=False)
    for name in [name for name in saved["state_dict"] if "layer4.1" in name]:
        del saved["state_dict"][name]
    with pytest.raises(ValueError, match=r"depth 18 to 152, got blocks \(2, 2, 2, 1\)"):
        build_from_checkpoint(saved)
