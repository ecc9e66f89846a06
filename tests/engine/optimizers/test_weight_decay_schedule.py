"""The weight decay of a run against the closed form, and against MMEngine's own scheduler."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.optim.scheduler import CosineAnnealingParamScheduler

from slotcon_mm.engine.optimizers.schedule import WarmupCosineLR
from slotcon_mm.engine.optimizers.weight_decay_schedule import CosineWeightDecay

EPOCHS, EPOCH_LENGTH = 12, 7
TOTAL = EPOCHS * EPOCH_LENGTH


def wrapper(start: float = 0.04) -> OptimWrapper:
    """A group that decays and one that does not."""
    groups = [dict(params=[torch.ones(2, 2, requires_grad=True)])]
    groups += [dict(params=[torch.ones(2, requires_grad=True)], weight_decay=0.0)]
    return OptimWrapper(torch.optim.AdamW(groups, lr=0.1, weight_decay=start))


def build(optim_wrapper: OptimWrapper, **given: Any) -> CosineWeightDecay:
    arguments = dict(final=0.4, end=EPOCHS, by_epoch=True, epoch_length=EPOCH_LENGTH)
    return CosineWeightDecay.build_iter_from_epoch(optim_wrapper, **{**arguments, **given})


def decays(optim_wrapper: OptimWrapper, schedulers: list, steps: int = TOTAL) -> list[list[float]]:
    """Of each group, at each step."""
    found = []
    for _ in range(steps):
        found.append([group["weight_decay"] for group in optim_wrapper.optimizer.param_groups])
        optim_wrapper.step()
        for scheduler in schedulers:
            scheduler.step()
    return list(map(list, zip(*found, strict=True)))


def derived(steps: np.ndarray, total: int) -> np.ndarray:
    """0.4 - 0.36 (1 + cos(pi t / T)) / 2, by the half angle."""
    return 0.4 - 0.36 * np.cos(np.pi * steps / total / 2) ** 2


def test_decay_is_the_closed_form_where_there_is_any_and_stays_0_elsewhere():
    optim_wrapper = wrapper()
    decayed, other = decays(optim_wrapper, [build(optim_wrapper)])
    assert decayed == pytest.approx(derived(np.arange(TOTAL), TOTAL), rel=1e-13)
    assert decayed[0] == pytest.approx(0.04, rel=1e-15)
    assert set(other) == {0.0}


def test_a_decay_that_would_never_begin_is_refused():
    with pytest.raises(ValueError, match=r"above 0 to begin with, got 0 and a final one of 0\.4"):
        build(wrapper(start=0.0))
    found = decays(optim_wrapper := wrapper(start=0.0), [build(optim_wrapper, final=0.0)], steps=3)
    assert found == [[0.0] * 3] * 2


def test_it_moves_beside_the_learning_rate_and_leaves_it_alone():
    optim_wrapper = wrapper()
    rate = WarmupCosineLR(optim_wrapper, warmup=3, end=TOTAL)
    decayed, _ = decays(optim_wrapper, [rate, build(optim_wrapper)], steps=20)
    assert decayed == pytest.approx(derived(np.arange(20), TOTAL), rel=1e-13)
    assert [group["lr"] for group in optim_wrapper.optimizer.param_groups] == [rate.get_last_value()[0]] * 2
    assert 0.05 < rate.get_last_value()[0] < 0.1


def mmengines(optim_wrapper: OptimWrapper, total: int, **given: float) -> CosineAnnealingParamScheduler:
    return CosineAnnealingParamScheduler(optim_wrapper, "weight_decay", end=total, by_epoch=False, **given)


def test_mmengines_scheduler_gives_the_same_by_a_ratio_and_pulls_the_others_along_by_a_value():
    optim_wrapper = wrapper()
    decayed, other = decays(optim_wrapper, [mmengines(optim_wrapper, TOTAL, eta_min_ratio=10)])
    assert decayed == pytest.approx(derived(np.arange(TOTAL), TOTAL), rel=1e-9)
    assert set(other) == {0.0}
    optim_wrapper = wrapper()
    _, other = decays(optim_wrapper, [mmengines(optim_wrapper, TOTAL, eta_min=0.4)])
    assert other[-1] > 0.39


def resumed_with_twice_the_length(make: Any) -> list[float]:
    """After a whole run, the decay in the rest of one of twice the length."""
    first = wrapper()
    scheduler = make(first, TOTAL)
    decays(first, [scheduler])
    second = wrapper()
    resumed = make(second, 2 * TOTAL)
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    resumed.load_state_dict(scheduler.state_dict())
    return decays(second, [resumed])[0]


def test_resumed_with_more_epochs_it_follows_the_longer_run_which_mmengines_does_not():
    found = resumed_with_twice_the_length(lambda wrapper, total: CosineWeightDecay(wrapper, 0.4, end=total))
    expected = derived(np.arange(TOTAL, 2 * TOTAL), 2 * TOTAL)
    assert found == pytest.approx(expected, rel=1e-13)
    theirs = resumed_with_twice_the_length(lambda wrapper, total: mmengines(wrapper, total, eta_min_ratio=10))
    assert theirs[0] == pytest.approx(0.4, rel=1e-3)
    assert expected[0] == pytest.approx(0.22)


def test_it_resumes_where_it_stopped_to_the_last_bit():
    whole = wrapper()
    expected = decays(whole, [build(whole)])
    first = wrapper()
    scheduler = build(first)
    decays(first, [scheduler], steps=20)
    second = wrapper()
    resumed = build(second)
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    resumed.load_state_dict(scheduler.state_dict())
    assert decays(second, [resumed], steps=TOTAL - 20) == [values[20:] for values in expected]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (dict(by_epoch=True, end=3), "convert_to_iter_based=True"),
        (dict(begin=2, end=3), "from the run's begin to its end, got 2 to 3"),
        (dict(final=-0.1, end=3), "final weight decay of 0 or more, got -0.1"),
    ],
)
def test_what_is_no_schedule_of_a_whole_run_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        CosineWeightDecay(wrapper(), **{"final": 0.4, **given})
