"""The learning rate against the closed form, and against MMEngine's own parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.optim import CosineAnnealingLR, LinearLR, OptimWrapper
from reference import slotcon as reference

from slotcon_mm.engine.optimizers.schedule import WarmupCosineLR, expect_warmup_within

EPOCHS, EPOCH_LENGTH, WARMUP = 12, 7, 5
TOTAL, W = EPOCHS * EPOCH_LENGTH, WARMUP * EPOCH_LENGTH


def wrapper(lr: float = 2.0) -> OptimWrapper:
    return OptimWrapper(torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=lr))


def rates(optim_wrapper: OptimWrapper, schedulers: list) -> list[float]:
    found = []
    for _ in range(TOTAL):
        found.append(optim_wrapper.param_groups[0]["lr"])
        optim_wrapper.step()
        for scheduler in schedulers:
            scheduler.step()
    return found


def build(optim_wrapper: OptimWrapper, **kwargs) -> WarmupCosineLR:
    arguments = dict(warmup=WARMUP, end=EPOCHS, by_epoch=True, epoch_length=EPOCH_LENGTH)
    return WarmupCosineLR.build_iter_from_epoch(optim_wrapper, **{**arguments, **kwargs})


def test_rates_are_the_closed_form_at_every_iteration():
    optim_wrapper = wrapper()
    found = rates(optim_wrapper, [build(optim_wrapper)])
    assert found == pytest.approx([reference.learning_rate(t, 2.0, W, TOTAL) for t in range(TOTAL)], rel=1e-12)
    assert found[0] == pytest.approx(0.02)
    assert found[W] == 2.0


def test_rates_are_those_of_mmengines_own_parts():
    optim_wrapper = wrapper()
    parts = [
        LinearLR(optim_wrapper, start_factor=0.01, begin=0, end=W + 1, by_epoch=False),
        CosineAnnealingLR(optim_wrapper, begin=W, end=TOTAL, T_max=TOTAL - W, eta_min=1e-6, by_epoch=False),
    ]
    theirs = rates(optim_wrapper, parts)
    optim_wrapper = wrapper()
    assert rates(optim_wrapper, [build(optim_wrapper)]) == pytest.approx(theirs, rel=1e-9)


def rates_of_groups(*highest: float, eta_min: float) -> list[list[float]]:
    groups = [dict(params=[torch.ones(1, requires_grad=True)], lr=lr) for lr in highest]
    optim_wrapper = OptimWrapper(torch.optim.SGD(groups, lr=max(highest)))
    scheduler, found = build(optim_wrapper, eta_min=eta_min), []
    for _ in range(TOTAL):
        found.append([group["lr"] for group in optim_wrapper.optimizer.param_groups])
        optim_wrapper.step()
        scheduler.step()
    return [list(group) for group in zip(*found, strict=True)]


def test_groups_with_lower_rates_end_lower_too_and_keep_their_share():
    """Layers of a decay of 0.75 that would all end at the same rate, some of them above their own."""
    heads, lower, lowest, resting = rates_of_groups(1e-5, 1e-6, 3e-7, 0.0, eta_min=2e-6)
    assert heads == pytest.approx([reference.learning_rate(t, 1e-5, W, TOTAL, eta_min=2e-6) for t in range(TOTAL)])
    assert lower == pytest.approx([0.1 * rate for rate in heads])
    assert lowest == pytest.approx([0.03 * rate for rate in heads])
    assert resting == [0.0] * TOTAL


def test_the_settings_that_mmengine_keeps_for_the_log_count_for_no_rate():
    """They hold the config's rate, which the batch has scaled down for all groups."""
    optim_wrapper = OptimWrapper(torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=1e-3))
    optim_wrapper.base_param_settings = dict(params=torch.zeros(1), lr=1.0, initial_lr=1.0)
    scheduler = build(optim_wrapper, eta_min=2e-6)
    optim_wrapper.optimizer.param_groups[0]["initial_lr"] = 1e-3
    scheduler.last_step = TOTAL
    assert scheduler._get_value()[0] == pytest.approx(2e-6)


def test_no_rate_rises_after_the_warm_up():
    (rates,) = rates_of_groups(1e-6, eta_min=2e-6)
    assert rates[W:] == pytest.approx([1e-6] * (TOTAL - W))


def test_it_resumes_where_it_stopped():
    whole = wrapper()
    expected = rates(whole, [build(whole)])
    first = wrapper()
    scheduler = build(first)
    for _ in range(20):
        first.step()
        scheduler.step()
    second = wrapper()
    resumed = build(second)
    resumed.load_state_dict(scheduler.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    assert rates(second, [resumed])[: TOTAL - 20] == pytest.approx(expected[20:])


def test_resumed_with_more_epochs_it_follows_the_longer_run():
    first = wrapper()
    scheduler = build(first)
    for _ in range(TOTAL):
        first.step()
        scheduler.step()
    second = wrapper()
    resumed = build(second, end=2 * EPOCHS)
    resumed.load_state_dict(scheduler.state_dict())
    expected = [reference.learning_rate(t, 2.0, W, 2 * TOTAL) for t in range(TOTAL, 2 * TOTAL)]
    assert rates(second, [resumed]) == pytest.approx(expected)


def test_without_warmup_it_starts_at_the_full_rate():
    optim_wrapper = wrapper()
    build(optim_wrapper, warmup=0)
    assert optim_wrapper.param_groups[0]["lr"] == 2.0


@pytest.mark.parametrize(("warmup", "warmup_steps"), [(5, 35), (1 / 7, 1), (2 / 7, 2), (0, 0)])
def test_with_the_full_rate_in_the_warmup_it_is_slotmims_closed_form(warmup, warmup_steps):
    """l t / (U - 1) for t < U, 0 for U = 1; the cosine begins at t = U, with the full rate once more."""
    optim_wrapper = wrapper(lr=6e-4)
    found = rates(
        optim_wrapper, [build(optim_wrapper, warmup=warmup, start_factor=0, eta_min=2e-6, full_rate_in_warmup=True)]
    )
    rise = np.linspace(0, 6e-4, warmup_steps)
    turn = np.pi * np.arange(TOTAL - warmup_steps) / (TOTAL - warmup_steps)
    expected = [*rise, *(2e-6 + (6e-4 - 2e-6) * np.cos(turn / 2) ** 2)]
    assert found == pytest.approx(expected, rel=1e-13, abs=1e-19)


def test_a_warmup_as_long_as_the_run_is_refused_with_the_option_that_helps():
    with pytest.raises(ValueError, match=r"param_scheduler.warmup=EPOCHS"):
        build(wrapper(), warmup=EPOCHS)
    with pytest.raises(ValueError, match=r"param_scheduler.1.warmup=EPOCHS"):
        expect_warmup_within(12, 12, "param_scheduler.1")


def test_moving_by_epochs_is_refused():
    with pytest.raises(ValueError, match="convert_to_iter_based=True"):
        WarmupCosineLR(wrapper(), warmup=1, end=5, by_epoch=True)
