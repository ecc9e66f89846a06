"""Each function against the reference's loops, and its gradient against finite differences."""

from __future__ import annotations

import ast
import math
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import slotcon as reference

from slotcon_mm.models import functional as F

B, K, D, H, W = 2, 4, 3, 3, 5


@pytest.fixture
def features() -> torch.Tensor:
    return torch.randn(B, D, H, W, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def prototypes() -> torch.Tensor:
    return torch.randn(K, D, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def random_scores(seed: int, *, images: int = B) -> torch.Tensor:
    return torch.rand(images, K, H, W, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_scores_are_cosines_of_pixels_and_prototypes(features, prototypes):
    torch.testing.assert_close(F.score_pixels(features, prototypes), reference.scores(features, prototypes))


def test_slots_are_weighted_means_of_unnormalized_pixels(features, prototypes):
    scores = F.score_pixels(features, prototypes)
    slots = F.pool_slots(features, F.assign_pixels(scores, 0.07))
    torch.testing.assert_close(slots, reference.slots(features, scores))


def test_gradient_of_slots_flows_through_pixels_and_assignment(features, prototypes):
    def slots(z, p):
        return F.pool_slots(z, F.assign_pixels(F.score_pixels(z, p), 0.5))

    assert torch.autograd.gradcheck(slots, (features.requires_grad_(), prototypes.requires_grad_()))


@settings(deadline=None, max_examples=40)
@given(
    box=st.tuples(*[st.floats(0, 1)] * 4),
    flip=st.booleans(),
    seed=st.integers(0, 5),
)
def test_alignment_equals_roi_align_written_out(box, flip, seed):
    x0, x1 = sorted(box[:2])
    y0, y1 = sorted(box[2:])
    if x1 - x0 < 1e-3 or y1 - y0 < 1e-3:
        return
    scores = random_scores(seed, images=1)
    boxes = torch.tensor([[x0, y0, x1, y1]], dtype=torch.float64)
    aligned = F.align_to_overlap(scores, boxes, torch.tensor([flip]))
    torch.testing.assert_close(aligned[0], reference.align(scores[0], [x0, y0, x1, y1], flip))


def test_alignment_has_the_gradient_of_finite_differences():
    boxes = torch.tensor([[0.1, 0.2, 0.7, 0.9], [0.0, 0.0, 1.0, 1.0]], dtype=torch.float64)
    flipped = torch.tensor([True, False])
    scores = random_scores(3).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: F.align_to_overlap(s, boxes, flipped), (scores,))


def test_aligning_the_whole_view_gives_the_view():
    scores = random_scores(4)
    whole = torch.tensor([[0.0, 0.0, 1.0, 1.0]] * B, dtype=torch.float64)
    torch.testing.assert_close(F.align_to_overlap(scores, whole, torch.tensor([False] * B)), scores)


def test_a_pair_shares_a_region_only_if_both_boxes_have_an_area():
    full, none, line = [0.0, 0.0, 1.0, 1.0], [0.0] * 4, [0.2, 0.1, 0.2, 0.9]
    boxes = torch.tensor([[full, full], [none, none], [full, none], [line, full]])
    assert F.shares_region(boxes).tolist() == [True, False, False, False]


def test_dense_cross_entropy_equals_the_reference_pixel_by_pixel():
    student, teacher, center = random_scores(5), random_scores(6), 0.1 * random_scores(7)[:1, :, 0, 0]
    per_pixel = F.dense_cross_entropy(student, teacher, center, student_temperature=0.1, teacher_temperature=0.07)
    expected = torch.stack(
        [reference.cross_entropy(student[b, :, y, x], teacher[b, :, y, x], center[0])
         for b in range(B) for y in range(H) for x in range(W)]
    ).view(B, H, W)  # fmt: skip
    torch.testing.assert_close(per_pixel, expected)


def test_slots_count_where_they_win_a_pixel():
    scores = random_scores(8)
    counted = F.counted_slots(scores)
    assert [set(row.nonzero().flatten().tolist()) for row in counted] == [reference.winners(s) for s in scores]


@given(st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=4))
def test_packing_puts_counted_slots_first_in_order(rows):
    counted = torch.tensor(rows)
    capacity = max(1, int(counted.sum(dim=1).max()))
    packed = F.pack_counted(counted, capacity)
    for row, index in zip(counted, packed, strict=True):
        expected = row.nonzero().flatten().tolist()
        assert index[: len(expected)].tolist() == expected
        assert len(set(index.tolist())) == capacity


def test_contrast_is_cross_entropy_over_the_keys_that_count():
    queries = torch.randn(3, D, dtype=torch.float64)
    keys = torch.randn(5, D, dtype=torch.float64)
    counts = torch.tensor([True, True, True, False, True])
    target = torch.tensor([2, 0, 4])
    losses = F.contrast_slots(queries, keys, counts, target, temperature=0.2)
    for query, t, loss in zip(queries, target, losses, strict=True):
        logits = {i: reference.cosine(query, keys[i]) / 0.2 for i in (0, 1, 2, 4)}
        expected = 0.4 * (torch.stack(list(logits.values())).exp().sum().log() - logits[int(t)])
        torch.testing.assert_close(loss, expected)


def test_contrast_without_any_key_is_finite_with_finite_gradient():
    queries = torch.randn(2, D, requires_grad=True)
    losses = F.contrast_slots(
        queries, torch.randn(2, D), torch.zeros(2, dtype=torch.bool), torch.arange(2), temperature=0.2
    )
    torch.where(torch.tensor([False, False]), losses, 0).sum().backward()
    assert losses.isfinite().all()
    assert queries.grad.abs().max() == 0


def test_teacher_momentum_rises_from_its_base_to_one_with_half_a_cosine():
    steps = torch.tensor([0, 3, 5, 10])
    expected = torch.tensor([reference.momentum(int(s), 10) for s in steps], dtype=torch.float64)
    torch.testing.assert_close(F.teacher_momentum(steps, 10, 0.99), expected)
    assert float(expected[0]) == pytest.approx(0.99)
    assert float(expected[-1]) == 1


def test_perplexity_is_one_for_one_prototype_and_k_for_all_alike():
    assert float(F.perplexity(torch.tensor([9.0, 0, 0, 0]))) == pytest.approx(1)
    assert float(F.perplexity(torch.full((4,), 3.0))) == pytest.approx(4)
    assert float(F.perplexity(torch.tensor([1.0, 3.0]))) == pytest.approx(
        math.exp(-0.25 * math.log(0.25) - 0.75 * math.log(0.75))
    )


def test_the_rank_counts_directions_whatever_the_lengths_and_turns_of_rows():
    assert float(F.feature_rank(torch.eye(6).repeat(3, 1))) == pytest.approx(6)
    assert float(F.feature_rank(torch.ones(20, 6) * torch.rand(20, 1))) == pytest.approx(1)
    rows = torch.randn(20, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    turn = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))[0]
    lengths = torch.linspace(0.1, 5, 20, dtype=torch.float64)[:, None]
    assert float(F.feature_rank(lengths * rows @ turn)) == pytest.approx(float(F.feature_rank(rows)))


def test_the_rank_is_that_of_the_formula_written_out():
    rows = torch.randn(20, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    unit = torch.stack([row / row.dot(row).sqrt() for row in rows])
    values = [math.sqrt(value) for value in torch.linalg.eigvalsh(unit.T @ unit).tolist()]
    entropy = -sum(value / sum(values) * math.log(value / sum(values)) for value in values)
    assert float(F.feature_rank(rows)) == pytest.approx(math.exp(entropy))


def test_half_precision_is_promoted_and_double_kept():
    assert F.full_precision(torch.zeros(1, dtype=torch.bfloat16)).dtype == torch.float32
    assert F.full_precision(torch.zeros(1, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize("most_values", [1, 2 * B * 70, 2**25])
@pytest.mark.parametrize("size", [(7, 10), (2, 3), (H, W)])
def test_the_upsampled_argmax_is_that_of_all_prototypes_at_once(size, most_values):
    scores = random_scores(5)
    everything = torch.nn.functional.interpolate(scores, size=size, mode="bilinear", align_corners=False)
    assert F.upsampled_argmax(scores, size, most_values=most_values).equal(everything.argmax(dim=1))


def test_among_equal_scores_the_first_prototype_wins_in_parts_too():
    assert F.upsampled_argmax(torch.zeros(1, K, 2, 2), (4, 4), most_values=1).eq(0).all()


def test_the_mathematics_imports_torch_torchvision_and_the_standard_library_only():
    tree = ast.parse(Path(F.__file__).read_text())
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert imported <= {"torch", "torchvision", *sys.stdlib_module_names}


def test_the_teachers_temperature_rises_evenly_over_its_epochs():
    found = [F.teacher_temperature(epoch, 4, 0.04, 0.07) for epoch in range(6)]
    assert found == pytest.approx([0.04, 0.05, 0.06, 0.07, 0.07, 0.07])
    assert [F.teacher_temperature(epoch, 1, 0.04, 0.07) for epoch in range(2)] == [0.04, 0.07]
    assert F.teacher_temperature(0, 0, 0.04, 0.07) == 0.07
