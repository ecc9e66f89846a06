"""Tensors in nested files, and whose they are."""

from __future__ import annotations

import pytest
import torch

from slotcon_mm.checkpoints.contents import flat_tensors, groups_beside, prefixes_before, side_of

ONE = torch.ones(1)


def test_dicts_of_dicts_are_one_dict_and_what_is_no_weight_is_left_out():
    checkpoint = {
        "teacher": {"backbone": {"w": ONE}},
        "optimizer": {"state": {0: {"exp_avg": ONE}}, "param_groups": [{"lr": 1}]},
        "epoch": 3,
        "b": ONE,
        4: ONE,
        "windows": [ONE],
    }
    assert set(flat_tensors(checkpoint)) == {"teacher.backbone.w", "b"}


def test_a_name_is_found_behind_whole_parts_of_a_prefix_only():
    names = ["conv1.weight", "a.conv1.weight", "module.a.conv1.weight", "xconv1.weight"]
    assert prefixes_before("conv1.weight", names) == ["", "a.", "module.a."]


@pytest.mark.parametrize(
    ("prefix", "side"),
    [
        ("teacher.backbone.", "teacher"),
        ("state_dict.module.momentum_encoder.", "teacher"),
        ("module.encoder_k.0.", "teacher"),
        ("student.module.backbone.", "student"),
        ("state_dict.module.base_encoder.", "student"),
        ("module.", None),
        ("", None),
        ("my_teacher.", None),
    ],
)
def test_a_prefix_says_whose_weights_follow(prefix, side):
    assert side_of(prefix) == side


def test_other_parts_are_counted_by_where_they_are():
    names = ["teacher.backbone.w", "teacher.head.a", "teacher.head.b", "student.backbone.w", "teacher.steps", "teacher"]
    assert groups_beside("teacher.backbone.", names) == {
        "teacher.head": 2, "student": 1, "teacher.steps": 1, "teacher": 1,
    }  # fmt: skip
