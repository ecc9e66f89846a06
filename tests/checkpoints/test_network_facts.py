"""Which network weights are of: noted in files, or made of the config in them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from mmengine.config import Config

from slotcon_mm.checkpoints.library_facts import facts_of_torchvision
from slotcon_mm.checkpoints.network_changes import changes_in_network
from slotcon_mm.checkpoints.network_facts import (
    NETWORK,
    facts_in,
    facts_of_checkpoint,
    facts_of_config,
    grid_noted,
)
from slotcon_mm.checkpoints.plain_values import is_plain
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local

BACKBONE = dict(type="ResNet", depth=18, base_channels=8, stem_channels=8, strides=(1, 2, 1, 1))
PIXELS = dict(mean=[0.0] * 3, std=[1.0] * 3, channels="RGB")


def noted(**parts: Any) -> dict[str, Any]:
    return {**dict(layers={}, strides=[], pixels=PIXELS, backbone={}), **parts}


def pretraining(**backbone: Any) -> dict[str, Any]:
    return dict(default_scope="mmpretrain", model=dict(type="slotcon_mm.SlotCon", backbone={**BACKBONE, **backbone}))


def test_facts_are_plain_and_survive_a_file(tmp_path):
    facts = facts_of_config(Config(pretraining()))
    assert is_plain(facts)
    torch.save(dict(state_dict={}, meta={NETWORK: facts}), tmp_path / "a.pth")
    assert facts_of_checkpoint(load_from_safe_local(str(tmp_path / "a.pth"))) == facts


def test_the_config_in_a_checkpoint_makes_the_facts_of_the_config():
    config = Config(pretraining(norm_cfg=dict(type="SyncBN", eps=1e-3)))
    assert facts_of_checkpoint(dict(meta=dict(cfg=config.pretty_text))) == facts_of_config(config)


def test_facts_hold_the_arguments_that_decide_features_with_their_defaults():
    backbone = facts_of_config(pretraining(frozen_stages=2, init_cfg=dict(type="Pretrained", checkpoint="x")))[
        "backbone"
    ]
    assert backbone["strides"] == [1, 2, 1, 1]
    assert (backbone["dilations"], backbone["style"], backbone["avg_down"]) == ([1, 1, 1, 1], "pytorch", False)
    assert backbone.keys().isdisjoint({"frozen_stages", "init_cfg", "out_indices", "norm_eval"})


def test_arguments_that_go_on_to_the_class_below_have_their_defaults():
    assert facts_of_config(pretraining(type="ResNetV1c"))["backbone"]["dilations"] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("checkpoint", "reason"),
    [
        (dict(meta={}), "carries no config"),
        ({"conv1.weight": torch.ones(1)}, "carries no config"),
        (dict(meta=None), "carries no config"),
        (dict(meta=dict(cfg="import os")), "assignments of plain values"),
        (dict(meta=dict(cfg="model = dict(type='X', backbone=dict(type='os.system', command='false'))")), "registered"),
        (dict(meta=dict(cfg="model = dict(type='X', backbone=dict(type='MyOwnNet'))")), "MyOwnNet"),
        (dict(meta=dict(cfg="model = dict(type='X')")), "no model with a backbone"),
        (dict(meta=dict(cfg="runner = 1")), "no model with a backbone"),
        (dict(meta={NETWORK: dict(layers=3)}), "carries no config"),
        (dict(meta={NETWORK: dict(layers={}, strides=[], pixels={}, backbone={})}), "carries no config"),
        (dict(meta={NETWORK: noted(pixels=dict(PIXELS, mean="abc"))}), "carries no config"),
        (dict(meta={NETWORK: noted(pixels=dict(PIXELS, std=[1.0, 1.0]))}), "carries no config"),
        (dict(meta={NETWORK: noted(pixels=dict(PIXELS, channels="\x1b[31m"))}), "carries no config"),
        (dict(meta={NETWORK: noted(strides=["4"])}), "carries no config"),
        (dict(meta=[1]), "carries no config"),
        (dict(meta=dict(cfg=5)), "carries no config"),
        (dict(meta={NETWORK: dict(layers=dict(conv1=3), strides=[], pixels=PIXELS, backbone={})}), "carries no config"),
    ],
    ids=str,
)
def test_where_it_is_unknown_the_reason_is_said(checkpoint, reason):
    with pytest.raises(ValueError, match=reason):
        facts_of_checkpoint(checkpoint)


def test_facts_of_that_form_are_taken():
    assert facts_of_checkpoint(dict(meta={NETWORK: noted()})) == noted()


@pytest.mark.parametrize(
    ("sizes", "grid"),
    [
        (dict(img_size=(144, 256)), (9, 16)),
        (dict(img_size=[32, 64], patch_size=8), (4, 8)),
        (dict(img_size=224, patch_size=14), (16, 16)),
        (dict(img_size="large"), None),
    ],
)
def test_the_grid_of_a_vision_transformer_is_noted_by_its_config_and_its_export(sizes, grid):
    backbone = dict(type="VisionTransformer", arch="deit-tiny", **sizes)
    config = Config(dict(default_scope="mmpretrain", model=dict(type="slotcon_mm.SlotCon", backbone=backbone)))
    assert grid_noted(dict(meta=dict(cfg=config.pretty_text))) == grid
    if grid:
        assert grid_noted(dict(meta={NETWORK: facts_of_config(config)})) == grid


@pytest.mark.parametrize(
    "checkpoint",
    [
        {},
        dict(meta=dict(cfg="a = (")),
        dict(meta={NETWORK: noted()}),
        dict(meta=dict(cfg="model = dict(backbone=dict(type='Unknown'))")),
        dict(meta=dict(cfg="model = dict(backbone=dict(a=1))")),
    ],
)
def test_other_files_note_no_grid(checkpoint):
    assert grid_noted(checkpoint) is None


def test_a_network_of_torchvision_is_that_of_an_mm_config():
    config = Config(pretraining(depth=50, strides=(1, 2, 2, 2), base_channels=64, stem_channels=64))
    assert changes_in_network(facts_of_torchvision("resnet50"), facts_of_config(config)) == []
    with pytest.raises(ValueError, match="Unknown model"):
        facts_of_torchvision("resnet7")


def test_a_state_dict_of_torch_alone_notes_nothing():
    assert facts_in(torch.nn.Linear(1, 1).state_dict()) is None


def test_reading_facts_leaves_random_numbers_and_config_alone():
    config = Config(pretraining(init_cfg=dict(type="Pretrained", checkpoint="x")))
    text, before = config.pretty_text, torch.get_rng_state()
    facts_of_config(config)
    facts_of_torchvision("resnet18")
    assert torch.get_rng_state().equal(before)
    assert config.pretty_text == text
