"""Configs in files build registered types, and call nothing else."""

from __future__ import annotations

import sys

import pytest
import torch

from slotcon_mm.checkpoints.build import build_from_checkpoint
from slotcon_mm.checkpoints.registered import build_registered, class_of

NARROW = dict(type="ResNet", depth=18, base_channels=8, stem_channels=8)


@pytest.mark.parametrize(("scope", "package"), [("mmpretrain", "mmpretrain"), ("mmseg", "mmseg"), ("mmdet", "mmdet")])
@pytest.mark.hosts
def test_a_backbone_is_that_of_the_configs_package(scope, package):
    assert type(build_registered(NARROW, scope)).__module__.startswith(package)
    assert class_of(NARROW, scope).__module__.startswith(package)
    assert type(build_registered({**NARROW, "type": "mmpretrain.ResNet"}, scope)).__module__.startswith("mmpretrain")


@pytest.mark.parametrize(
    "name", ["os.system", "subprocess.check_output", "antigravity", "mmengine.utils.mkdir_or_exist"]
)
@pytest.mark.parametrize("place", ["backbone", "norm"])
def test_what_is_not_registered_is_not_even_imported(name, place, tmp_path):
    call = dict(type=name, command=f"touch {tmp_path}/ran", dir_name=f"{tmp_path}/ran")
    with pytest.raises(ValueError, match=f"registered, got {name}"):
        build_registered(call if place == "backbone" else {**NARROW, "norm_cfg": call}, "mmpretrain")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["antigravity", "this", "nowhere", "os", ""])
def test_a_default_scope_that_is_not_known_is_not_even_imported(name):
    was_there = name in sys.modules
    for build in (build_registered, class_of):
        with pytest.raises(ValueError, match=f"default scope of a package that is known, got {name}"):
            build(NARROW, name)
    assert (name in sys.modules) == was_there


def test_names_that_are_no_type_import_nothing_either():
    pytest.importorskip("timm")
    for norm in ("antigravity.Norm", "antigravity"):
        with pytest.raises((RuntimeError, KeyError, TypeError)):
            build_registered(dict(type="TIMMBackbone", model_name="resnet18", norm_layer=norm), "mmpretrain")
        assert "antigravity" not in sys.modules


def test_the_config_in_a_pretraining_checkpoint_calls_nothing(tmp_path):
    config = f"model = dict(backbone=dict(type='os.system', command='touch {tmp_path}/ran'))"
    checkpoint = dict(state_dict={"teacher.neck.prototypes": torch.ones(2, 2)}, meta=dict(cfg=config))
    with pytest.raises(ValueError, match=r"registered, got os\.system"):
        build_from_checkpoint(checkpoint)
    assert not (tmp_path / "ran").exists()


def test_random_numbers_stay_where_they_are():
    before = torch.get_rng_state()
    build_registered(NARROW, "mmpretrain")
    assert torch.get_rng_state().equal(before)
