"""Warnings of collapse: on runs made to collapse, and not on healthy ones."""

from __future__ import annotations

import logging
import math
from types import SimpleNamespace

import pytest
import torch
from helpers import as_samples, random_batch, set_total_steps, tiny_slotcon
from mmengine.logging import MessageHub

from slotcon_mm.engine.hooks.collapse_monitor_hook import CollapseMonitorHook, signs_of_collapse

HEALTHY = dict(slots_per_view=4.8, prototype_perplexity=3.6, center_norm=0.2, feature_rank=8.0, num_prototypes=64)


def test_a_healthy_run_has_no_signs():
    assert signs_of_collapse(**HEALTHY) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(slots_per_view=1.02), "1.0 slots that count"),
        (dict(prototype_perplexity=1.1), "1.1 of 64 prototypes are in use"),
        (dict(feature_rank=1.2), "effective rank of 1.2"),
        (dict(center_norm=7.9), "7.9 of at most 8.0"),
        (dict(center_norm=math.nan), "not finite"),
    ],
)
def test_each_sign_is_told_in_words(change, words):
    assert words in signs_of_collapse(**{**HEALTHY, **change})[0]


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def warnings_of(model, epochs: int) -> list[str]:
    """What is logged over epochs of four steps of this model's own training scalars."""
    set_total_steps(100)
    views, boxes, flipped = random_batch(images=4)
    raw = dict(inputs=[torch.randint(0, 256, (4, 3, 14, 14), dtype=torch.uint8) for _ in range(2)])
    handler, logger = Lines(), logging.Logger("run")
    logger.addHandler(handler)
    hub = MessageHub(f"collapse{id(model)}")
    runner = SimpleNamespace(model=model, message_hub=hub, train_dataloader=range(4), logger=logger, epoch=0)
    hook = CollapseMonitorHook()
    for epoch in range(epochs):
        runner.epoch = epoch
        for step in range(4):
            for name, value in model(views, as_samples(boxes, flipped), mode="loss").items():
                hub.update_scalar(f"train/{name}", value)
            hook.after_train_iter(runner, step, raw)
        hook.after_train_epoch(runner)
    assert hub.get_scalar("train/feature_rank").current() >= 1 - 1e-6
    return handler.lines


def test_a_healthy_model_is_not_warned_about():
    assert warnings_of(tiny_slotcon(), epochs=3) == []


def test_a_model_made_to_collapse_is_warned_about_at_the_second_check():
    model = tiny_slotcon()
    with torch.no_grad():  # whatever the image, the last layer gives its bias
        for neck in (model.neck, model.teacher.neck):
            neck.projector[6].weight.zero_()
            neck.projector[6].bias.fill_(1.0)
    lines = warnings_of(model, epochs=2)
    assert len(lines) == 1
    for words in ("seems to be collapsing", "slots that count", "prototypes are in use", "effective rank of 1.0"):
        assert words in lines[0]


def test_the_model_is_left_as_it_was():
    model = tiny_slotcon()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    hub = MessageHub("left")
    for name in ("slots_per_view", "prototype_perplexity", "center_norm"):
        hub.update_scalar(f"train/{name}", 2.0)
    runner = SimpleNamespace(
        model=model, message_hub=hub, train_dataloader=range(1), logger=logging.Logger("x"), epoch=0
    )
    hook = CollapseMonitorHook()
    hook.after_train_iter(runner, 0, dict(inputs=[torch.zeros(4, 3, 14, 14, dtype=torch.uint8)] * 2))
    hook.after_train_epoch(runner)
    assert model.training
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())
