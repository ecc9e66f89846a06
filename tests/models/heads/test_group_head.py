"""The grouping loss's head: its center, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from reference import slotcon as reference

from slotcon_mm.models import GroupLossHead


def test_center_moves_by_a_tenth_to_the_mean_score_of_both_views():
    head = GroupLossHead(4).double()
    head.center.copy_(torch.randn(1, 4))
    views = [torch.rand(2, 4, 3, 5, dtype=torch.float64) for _ in range(2)]
    expected = reference.next_center(head.center[0], views)
    head.collect_scores(views, first=True)
    head.update_center(torch.tensor(True))
    torch.testing.assert_close(head.center[0], expected)


def test_the_scores_of_a_steps_micro_batches_move_the_center_once():
    head = GroupLossHead(4).double()
    head.center.copy_(torch.randn(1, 4))
    parts = [[torch.rand(2, 4, 3, 5, dtype=torch.float64) for _ in range(2)] for _ in range(3)]
    expected = reference.next_center(head.center[0], [torch.cat(views) for views in zip(*parts, strict=True)])
    head.collect_scores([torch.full((1, 4, 1, 1), 9.0)] * 2, first=True)  # an earlier step's
    for number, views in enumerate(parts):
        head.collect_scores(views, first=number == 0)
    head.update_center(torch.tensor(True))
    torch.testing.assert_close(head.center[0], expected)


def test_loss_does_not_move_the_center():
    head = GroupLossHead(4)
    scores = [torch.rand(1, 4, 2, 2) for _ in range(2)]
    head(scores, scores, torch.tensor([True]))
    assert head.center.abs().max() == 0


@pytest.mark.parametrize(
    "arguments",
    [dict(num_prototypes=0), dict(student_temperature=0), dict(teacher_temperature=-1), dict(center_momentum=1.1)],
)
def test_values_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        GroupLossHead(**arguments)


def test_the_loss_within_views_is_a_mean_over_each_views_masked_pixels():
    head = GroupLossHead(4).double()
    head.center.copy_(0.1 * torch.randn(1, 4))
    student, teacher = ([torch.rand(2, 4, 3, 5, dtype=torch.float64) for _ in range(2)] for _ in range(2))
    masked = torch.rand(2, 2, 3, 5) < 0.4
    expected = 0.0
    for view in range(2):
        terms = []
        for image, row, column in masked[:, view].nonzero().tolist():
            target = ((teacher[view][image, :, row, column] - head.center[0]) / 0.05).softmax(0)
            log_share = (student[view][image, :, row, column] / 0.1).log_softmax(0)
            terms.append(-(target * log_share).sum())
        expected += torch.stack(terms).mean()
    torch.testing.assert_close(head.within_view(student, teacher, masked, 0.05), expected)


def test_a_view_without_masked_pixels_adds_nothing_and_stays_in_the_graph():
    head = GroupLossHead(4).double()
    scores = [torch.rand(1, 4, 2, 2, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    masked = torch.zeros(1, 2, 2, 2, dtype=torch.bool)
    loss = head.within_view(scores, scores, masked)
    loss.backward()
    assert loss == 0
    assert all(view.grad.abs().max() == 0 for view in scores)
    masked[0, 0, 1, 1] = True
    assert head.within_view(scores, scores, masked) > 0


def test_a_steps_temperature_takes_the_place_of_the_heads():
    scores, other = ([torch.rand(1, 4, 2, 2) for _ in range(2)] for _ in range(2))
    shared = torch.tensor([True])
    cold = GroupLossHead(4, teacher_temperature=0.04)(scores, other, shared)
    torch.testing.assert_close(GroupLossHead(4, teacher_temperature=0.07)(scores, other, shared, 0.04), cold)
