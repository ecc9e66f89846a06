"""World size: two gloo processes with one global batch compute what one process does."""

from __future__ import annotations

import warnings

import pytest
import torch
from helpers import as_samples, random_batch, run_on_two_processes, set_total_steps, tiny_slotcon
from mmengine.model import MMDistributedDataParallel

from slotcon_mm.models import Grouping, SlotLossHead
from slotcon_mm.models.layers.batch_norm import SyncBatchNorm

IMAGES = 4


def step(views, boxes, flipped, wrap, **options) -> dict[str, torch.Tensor]:
    """Losses, gradients and state after one step."""
    set_total_steps()
    model = tiny_slotcon(norm=SyncBatchNorm, **options)
    model.load_state_dict(tiny_slotcon(norm=SyncBatchNorm).state_dict())
    called = wrap(model)
    result = called(views, as_samples(boxes, flipped), mode="loss")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Grad strides do not match bucket view strides")
        (result["loss_group"] + result["loss_slot"]).backward()
    gradients = {f"grad {n}": p.grad for n, p in model.named_parameters() if p.grad is not None}
    losses = {n: result[n].detach() for n in ("loss_group", "loss_slot")}
    logged = {n: result[n] for n in ("slots_per_view", "prototype_perplexity", "center_norm")}
    return {**losses, **logged, **gradients, **model.state_dict()}


def step_on_rank(rank: int, views, boxes, flipped, options) -> dict[str, torch.Tensor]:
    mine = slice(rank * IMAGES // 2, (rank + 1) * IMAGES // 2)
    ddp = lambda model: MMDistributedDataParallel(  # noqa: E731
        model, broadcast_buffers=False, gradient_as_bucket_view=True
    )
    return step([view[mine] for view in views], boxes[mine], flipped[mine], ddp, **options)


@pytest.mark.parametrize("options", [{}, dict(views_in_one_pass=True, channels_last=True)], ids=["plain", "fast"])
def test_loss_gradients_statistics_and_center_do_not_depend_on_the_number_of_processes(tmp_path, options):
    batch = random_batch(images=IMAGES)
    one = step(*batch, lambda model: model)
    two = run_on_two_processes(step_on_rank, tmp_path, *batch, options)
    for name, value in one.items():
        for rank in two:
            found = (two[0][name] + two[1][name]) / 2 if name.startswith("loss") else rank[name]
            torch.testing.assert_close(found, value, rtol=1e-9, atol=1e-12, msg=lambda m, n=name: f"{n}: {m}")


def make_groupings(winners: list[list[int]]) -> list[Grouping]:
    """Both views' scores and slots of images whose pixels are won by the listed prototypes."""
    generator = torch.Generator().manual_seed(3)
    scores = torch.zeros(len(winners), 5, 2, 2, dtype=torch.float64)
    for image, ids in enumerate(winners):
        for pixel in range(4):
            scores[image, ids[pixel % len(ids)], pixel // 2, pixel % 2] = 1
    slots = [torch.randn(len(winners), 5, 6, generator=generator, dtype=torch.float64) for _ in range(4)]
    return [Grouping(scores, s) for s in slots]


def slot_loss(groupings: list[Grouping]) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    head = SlotLossHead(channels=6, hidden_channels=8).double()
    student = [Grouping(g.scores, g.slots.clone().requires_grad_()) for g in groupings[:2]]
    loss = head(student, groupings[2:])
    loss.backward()
    return dict(
        loss=loss.detach(),
        slots=torch.stack([g.slots.grad for g in student]),
        weight=head.predictor[0].weight.grad,
        mean=head.predictor[1].running_mean,
        tracked=head.predictor[4].num_batches_tracked,
    )


def slot_loss_on_rank(rank: int, student_winners, teacher_winners) -> dict[str, torch.Tensor]:
    return slot_loss([Grouping(g.scores[rank : rank + 1], g.slots[rank : rank + 1])
                      for g in combine(student_winners, teacher_winners)])  # fmt: skip


def combine(student_winners, teacher_winners) -> list[Grouping]:
    return make_groupings(student_winners)[:2] + make_groupings(teacher_winners)[2:]


@pytest.mark.parametrize(
    ("student", "teacher"),
    [
        ([[0, 1, 2, 3], [0]], [[0, 1, 2, 3], [0, 4]]),
        ([[0, 1, 2], [0]], [[0, 1, 2], [4]]),
        ([[0], [1]], [[2], [3]]),
        ([[0], [1]], [[0], [3]]),
    ],
    ids=["unequal numbers", "none on one rank", "none at all", "one in all"],
)
def test_counted_slots_may_be_spread_unequally_over_ranks(tmp_path, student, teacher):
    one = slot_loss(combine(student, teacher))
    two = run_on_two_processes(slot_loss_on_rank, tmp_path, student, teacher)
    close = dict(rtol=1e-9, atol=1e-12)
    torch.testing.assert_close((two[0]["loss"] + two[1]["loss"]) / 2, one["loss"], **close)
    # each rank's loss is scaled by the world size, which DistributedDataParallel's mean of gradients undoes
    torch.testing.assert_close((two[0]["weight"] + two[1]["weight"]) / 2, one["weight"], **close)
    torch.testing.assert_close(torch.cat([two[0]["slots"], two[1]["slots"]], dim=1) / 2, one["slots"], **close)
    for rank in two:
        torch.testing.assert_close(rank["mean"], one["mean"], **close)
        assert rank["tracked"] == one["tracked"]
