"""The teacher's schedule follows the run's iteration."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from helpers import tiny_slotcon

from slotcon_mm.engine.hooks.teacher_steps_hook import TeacherStepsHook


@pytest.mark.parametrize("iteration", [0, 12])
def test_steps_start_at_the_runs_iteration(iteration):
    model = tiny_slotcon()
    model.teacher.steps.fill_(99)
    TeacherStepsHook().before_train(SimpleNamespace(model=model, iter=iteration))
    assert int(model.teacher.steps) == iteration
