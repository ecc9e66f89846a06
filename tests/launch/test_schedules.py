"""What schedules say that a run will not reach."""

from __future__ import annotations

import pytest

from slotcon_mm.launch.schedules import late_places, quantity_of

LENGTH = 20


@pytest.mark.parametrize(
    ("schedule", "late"),
    [
        (dict(type="StepLR", step_size=30), [30]),
        (dict(type="StepLR", step_size=5, begin=15, end=20), [20]),
        (dict(type="CosineRestartLR", periods=[15, 15, 15], restart_weights=[1, 1, 1]), [30, 45]),
        (dict(type="OneCycleLR", eta_max=1, total_steps=9000), [9000]),
        (dict(type="CosineAnnealingLR", begin=5, T_max=19), [24]),
        (dict(type="LinearLR", end=40), [40]),
        (dict(type="MultiStepMomentum", milestones=[20, 4, 25]), [20, 25]),
        (dict(type="PolyLR", begin=20), [20]),
    ],
    ids=lambda given: given["type"] if isinstance(given, dict) else "",
)
def test_places_beyond_the_run_are_found(schedule, late):
    assert late_places(schedule, LENGTH) == late


@pytest.mark.parametrize(
    "schedule",
    [
        dict(type="StepLR", step_size=19),
        dict(type="CosineRestartLR", periods=[10, 10], restart_weights=[1, 1]),
        dict(type="OneCycleLR", eta_max=1, total_steps=20),
        dict(type="CosineAnnealingLR", begin=5, T_max=15),
        dict(type="LinearLR", begin=0, end=20),
        dict(type="MultiStepLR", milestones=[16, 19], end=10**9),
        dict(type="PolyLR"),
    ],
    ids=lambda given: given["type"],
)
def test_places_within_the_run_are_not(schedule):
    assert late_places(schedule, LENGTH) == []


def test_the_quantity_is_the_schedules():
    kinds = ("StepMomentum", "slotcon_mm.CosineWeightDecay", "mmengine.PolyLR")
    assert [quantity_of(dict(type=kind)) for kind in kinds] == ["the momentum", "weight decay", "the learning rate"]
