"""The slot loss's head: few queries, and what it refuses."""

from __future__ import annotations

import pytest
import torch

from slotcon_mm.models import Grouping, SlotLossHead
from slotcon_mm.models.heads import slot_head

K, D = 4, 3


def grouping(winner_per_image: list[int], *, seed: int = 0) -> Grouping:
    """Every pixel of an image is won by one prototype, so that one slot counts."""
    scores = torch.zeros(len(winner_per_image), K, 2, 2, dtype=torch.float64)
    for image, winner in enumerate(winner_per_image):
        scores[image, winner] = 1
    slots = torch.randn(len(winner_per_image), K, D, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return Grouping(scores.requires_grad_(), slots.requires_grad_())


@pytest.fixture
def head() -> SlotLossHead:
    return SlotLossHead(channels=D, hidden_channels=5).double()


@pytest.mark.parametrize("shared", [0, 1])
def test_fewer_than_two_queries_give_zero_in_the_graph_and_leave_the_statistics_alone(head, shared):
    before = {name: value.clone() for name, value in head.state_dict().items()}
    student, teacher = grouping([0, 1]), grouping([0, 2] if shared else [2, 3], seed=1)
    loss = head([student, student], [teacher, teacher])
    loss.backward()
    assert loss == 0
    assert all(parameter.grad is not None and parameter.grad.abs().max() == 0 for parameter in head.parameters())
    assert all(torch.equal(value, before[name]) for name, value in head.state_dict().items())


def test_two_queries_give_a_loss_and_move_the_statistics_once_a_direction(head):
    view = grouping([0, 1])
    loss = head([view, view], [grouping([0, 1], seed=1)] * 2)
    assert loss > 0
    assert int(head.predictor[1].num_batches_tracked) == 2


def test_one_direction_without_queries_leaves_the_other():
    torch.manual_seed(0)
    head = SlotLossHead(channels=D, hidden_channels=5).double()
    first, second = grouping([0, 1]), grouping([2, 3])
    loss = head([first, first], [second, first])
    assert loss > 0
    assert int(head.predictor[1].num_batches_tracked) == 1


def test_no_gradient_reaches_keys(head):
    student, teacher = grouping([0, 1]), grouping([0, 1], seed=1)
    with torch.no_grad():
        keys = Grouping(teacher.scores, teacher.slots)
    head([student, student], [Grouping(keys.scores.detach(), keys.slots.detach())] * 2).backward()
    assert student.slots.grad.abs().max() > 0


def test_the_loss_does_not_depend_on_how_many_slots_are_packed(head, monkeypatch):
    """A CPU packs as many as count, a device its static bound: same loss, gradients and statistics."""
    state = {name: value.clone() for name, value in head.state_dict().items()}
    results = []
    for capacity in (None, K):
        head.load_state_dict(state)
        head.zero_grad()
        if capacity:
            monkeypatch.setattr(slot_head, "slot_capacity", lambda counted, pixels: K)
        student, teacher = grouping([0, 1, 2]), grouping([0, 1, 3], seed=1)
        loss = head([student, student], [teacher, teacher])
        loss.backward()
        gradients = [parameter.grad.clone() for parameter in head.parameters()]
        results.append([loss.detach(), student.slots.grad, *gradients, head.predictor[1].running_var.clone()])
    assert results[0][0] > 0
    for dynamic, static in zip(*results, strict=True):
        torch.testing.assert_close(dynamic, static)


@pytest.mark.parametrize("arguments", [dict(channels=0), dict(temperature=0.0), dict(hidden_channels=0)])
def test_values_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        SlotLossHead(**arguments)


def test_without_batch_statistics_one_query_is_enough():
    head = SlotLossHead(channels=D, hidden_channels=5, num_layers=2, norm=False).double()
    student, teacher = grouping([0, 1]), grouping([0, 2], seed=1)
    assert head([student, student], [teacher, teacher]) > 0
    apart = grouping([2, 3], seed=1)
    loss = head([student, student], [apart, apart])
    loss.backward()
    assert loss == 0
    assert all(parameter.grad.abs().max() == 0 for parameter in head.parameters())


def test_the_predictor_has_as_many_layers_as_asked_for():
    head = SlotLossHead(channels=D, hidden_channels=5, num_layers=2, norm=False)
    assert [type(layer).__name__ for layer in head.predictor] == ["Linear", "GELU", "Linear"]
    rows = torch.randn(3, D)
    expected = head.predictor[2](torch.nn.functional.gelu(head.predictor[0](rows)))
    torch.testing.assert_close(head.predictor(rows, torch.tensor([True, False, True])), expected)
