"""Gradient accumulation: a step of several micro-batches is what a hand-written loop computes."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers import as_samples, random_batch, set_total_steps, tiny_slotcon
from mmengine.optim import OptimWrapper
from mmengine.structures import BaseDataElement
from torch import Tensor

from slotcon_mm.engine import LARS
from slotcon_mm.engine.loops.optimizer_step import count_micro_batches, mean_of, optimizer_step, split_batch
from slotcon_mm.models import SlotCon
from slotcon_mm.models.functional import teacher_momentum

TOTAL = 4


class Runner(SimpleNamespace):
    """What a step asks of a runner."""

    def call_hook(self, name: str, **given: Any) -> None:
        self.called.append((name, given))


def runner_of(model: SlotCon, parts: int) -> Runner:
    optimizer = LARS(model.parameters(), lr=0.5, trust_coefficient=0.1)
    wrapper = OptimWrapper(optimizer, accumulative_counts=parts)
    loop = SimpleNamespace(iter=0, max_iters=TOTAL)
    return Runner(model=model, optim_wrapper=wrapper, train_loop=loop, called=[])


def batch_of(images: int, seed: int) -> dict[str, Any]:
    views, boxes, flipped = random_batch(images=images, seed=seed)
    return dict(inputs=views, data_samples=as_samples(boxes, flipped))


class Untouched(torch.nn.Module):
    """A preprocessor of batches that are ready."""

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        return data


@pytest.fixture
def model() -> SlotCon:
    set_total_steps(TOTAL)
    found = tiny_slotcon()
    found.data_preprocessor = Untouched()
    return found


def by_hand(model: SlotCon, momenta: dict[str, Tensor], batch: dict[str, Any], step: int, parts: int) -> None:
    """A step written out: the teacher moves, the mean loss of the parts descends, the center moves by their mean."""
    share = 1 - float(teacher_momentum(torch.tensor(step), TOTAL, 0.99))
    student = {**dict(model.backbone.named_parameters("backbone")), **dict(model.neck.named_parameters("neck"))}
    with torch.no_grad():
        for name, value in model.teacher.named_parameters():
            value.copy_((1 - share) * value + share * student[name])
    center, gradients, centers = model.group_head.center.clone(), {}, []
    size = len(batch["data_samples"]) // parts
    for part in range(parts):
        chosen = slice(part * size, (part + 1) * size)
        copied = copy.deepcopy(model)
        copied.teacher.update = lambda *_: torch.zeros(())  # it has moved
        losses = copied([view[chosen] for view in batch["inputs"]], batch["data_samples"][chosen], mode="loss")
        ((losses["loss_group"] + losses["loss_slot"]) / parts).backward()
        for name, value in copied.named_parameters():
            if value.grad is not None:
                gradients[name] = gradients.get(name, 0) + value.grad
        centers.append(copied.group_head.center - 0.9 * center)  # a tenth of this part's mean
        for mine, moved in zip(statistics_of(model), statistics_of(copied), strict=True):
            mine.copy_(moved)
    with torch.no_grad():
        model.group_head.center.copy_(0.9 * center + torch.stack(centers).mean(dim=0))
        for name, gradient in gradients.items():
            value = model.get_parameter(name)
            if value.ndim > 1:
                gradient = gradient + 1e-5 * value
                gradient = gradient * 0.1 * value.norm() / gradient.norm()
            momenta[name] = 0.9 * momenta.get(name, 0) + gradient
            value -= 0.5 * momenta[name]


def statistics_of(model: SlotCon) -> list[Tensor]:
    return [value for name, value in model.named_buffers() if "running" in name or "tracked" in name]


def test_steps_of_three_micro_batches_are_those_of_a_hand_written_loop(model):
    expected, momenta = copy.deepcopy(model), {}
    runner = runner_of(model, parts=3)
    count_micro_batches(runner, 3)
    for step in range(3):
        batch = batch_of(6, seed=step)
        optimizer_step(runner, step, batch, 3)
        by_hand(expected, momenta, batch, step, 3)
        assert int(model.teacher.steps) == step + 1
    theirs = expected.state_dict()
    for name, value in model.state_dict().items():
        if name != "teacher.steps":
            torch.testing.assert_close(value.double(), theirs[name].double(), rtol=1e-10, atol=1e-12, msg=name)


def test_the_teacher_counts_steps_and_hooks_are_called_once_a_step(model):
    runner = runner_of(model, parts=2)
    count_micro_batches(runner, 2)
    for step in range(2):
        batch = batch_of(4, seed=step)
        optimizer_step(runner, step, batch, 2)
        assert runner.called[-2] == ("before_train_iter", dict(batch_idx=step, data_batch=batch))
        name, given = runner.called[-1]
        assert (name, given["batch_idx"], given["data_batch"]) == ("after_train_iter", step, batch)
        assert {"loss", "loss_group", "loss_slot", "teacher_momentum"} <= set(given["outputs"])
    assert len(runner.called) == 4
    assert int(model.teacher.steps) == 2


def test_one_micro_batch_is_a_plain_step(model):
    plain = copy.deepcopy(model)
    optimizer_step(runner_of(model, parts=1), 0, batch_of(4, seed=1), 1)
    other = runner_of(plain, parts=1)
    plain.train_step(batch_of(4, seed=1), other.optim_wrapper)
    assert all(value.equal(plain.state_dict()[name]) for name, value in model.state_dict().items())


def test_a_batch_is_cut_in_its_order_whatever_it_holds():
    views = [torch.arange(8.0).view(4, 1, 1, 2) + 10 * view for view in range(2)]
    batch = dict(inputs=views, photometric=dict(jitter=torch.arange(8).view(4, 2)), data_samples=list("abcd"))
    first, second = split_batch(batch, 2)
    assert first["data_samples"] == ["a", "b"]
    assert second["data_samples"] == ["c", "d"]
    assert [view.shape for view in first["inputs"]] == [(2, 1, 1, 2)] * 2
    assert torch.equal(torch.cat([first["inputs"][1], second["inputs"][1]]), views[1])
    assert second["photometric"]["jitter"].tolist() == [[4, 5], [6, 7]]


def test_two_images_are_no_two_views():
    images = [torch.zeros(3, 4, 5), torch.ones(3, 6, 7)]
    first, second = split_batch(dict(inputs=images, data_samples=[BaseDataElement(), BaseDataElement()]), 2)
    assert first["inputs"][0].shape == (3, 4, 5)
    assert second["inputs"][0].shape == (3, 6, 7)


def test_a_batch_that_cannot_be_shared_equally_is_refused():
    with pytest.raises(ValueError, match="2 micro-batches share equally, got 3 samples"):
        list(split_batch(dict(data_samples=[1, 2, 3]), 2))


def test_scalars_are_means_over_the_micro_batches():
    assert mean_of([dict(loss=torch.tensor(1.0), lr=2.0), dict(loss=torch.tensor(4.0), lr=2.0)]) == dict(
        loss=torch.tensor(2.5), lr=torch.tensor(2.0)
    )
