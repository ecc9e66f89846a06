"""Whose backbone a checkpoint gives."""

from __future__ import annotations

import pytest
import torch

from slotcon_mm.checkpoints.backbone import backbone_of

TEACHER, STUDENT = torch.ones(2), torch.zeros(2)
PRETRAINING = {"teacher.backbone.conv1.weight": TEACHER, "backbone.conv1.weight": STUDENT, "neck.prototypes": STUDENT}


@pytest.mark.parametrize(("source", "value"), [(None, TEACHER), ("teacher", TEACHER), ("student", STUDENT)])
def test_a_pretraining_checkpoint_gives_the_teacher_unless_told(source, value):
    backbone = backbone_of(dict(state_dict={**PRETRAINING, "teacher.steps": torch.tensor(7)}), source)
    assert backbone.tensors == {"conv1.weight": value}
    assert backbone.describe() == f"{source or 'teacher'}, step 7"


def test_a_checkpoint_of_another_method_gives_its_backbone_but_no_teacher():
    checkpoint = dict(state_dict={"backbone.conv1.weight": STUDENT}, meta=dict(iter=3))
    assert backbone_of(checkpoint).describe() == "backbone, step 3"
    with pytest.raises(ValueError, match="holds a teacher, got one of student only"):
        backbone_of(checkpoint, "teacher")


def test_an_export_says_whose_it_is():
    export = dict(state_dict={"conv1.weight": TEACHER}, meta=dict(source="teacher", step=9))
    assert backbone_of(export, "teacher").describe() == "teacher, step 9"
    with pytest.raises(ValueError, match="expected the student's weights, got a file of teacher only"):
        backbone_of(export, "student")


def test_plain_weights_lose_the_classifier_and_gain_the_counters_that_old_files_lack():
    weights = {"bn1.running_mean": TEACHER, "fc.weight": TEACHER, "fc.bias": TEACHER}
    backbone = backbone_of(weights)
    assert set(backbone.tensors) == {"bn1.running_mean", "bn1.num_batches_tracked"}
    assert (backbone.prefix, backbone.describe()) == ("", "backbone")


def test_what_holds_no_weights_is_refused_with_the_command_that_may_help():
    with pytest.raises(ValueError, match=r"got a dict of 'model', 'args'.*from-official"):
        backbone_of(dict(model={}, args=None))
