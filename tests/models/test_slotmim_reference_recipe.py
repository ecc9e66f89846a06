"""SlotMIM's reference: what is decayed, schedules, weights to start from and masks, beside torch and numpy."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import torch
from reference import slotcon, slotmim, slotmim_masks, slotmim_vit
from torch import Tensor, nn


def test_58_tensors_of_vit_b_are_decayed_and_104_are_not():
    sizes = dict(channels=768, layers=12, size=14, patch=16, hidden=2048, out=256, prototypes=512)
    decayed = [
        slotmim.is_decayed(name, torch.empty(shape, device="meta"))
        for name, shape in slotmim_vit.shapes(**sizes).items()
    ]
    assert (sum(decayed), len(decayed)) == (58, 162)


@pytest.mark.parametrize("warmup", [0, 1, 2, 7])
def test_the_learning_rate_is_a_linspace_and_then_torchs_cosine(warmup):
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=6e-4)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=30 - warmup, eta_min=2e-6)
    rates = list(np.linspace(0, 6e-4, warmup))
    while len(rates) < 30:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        cosine.step()
    found = [slotmim.learning_rate(t, 6e-4, warmup, 30) for t in range(30)]
    assert found == pytest.approx(rates, rel=1e-9, abs=1e-18)


def test_the_teachers_temperature_rises_to_its_end_in_the_epochs_of_its_warmup():
    for epochs in (0, 1, 2, 5):
        expected = [*np.linspace(0.04, 0.07, epochs), *[0.07] * 3]
        assert [slotmim.teacher_temperature(e, epochs) for e in range(epochs + 3)] == pytest.approx(expected)


def test_weight_decay_and_momentum_rise_from_the_papers_start_to_their_ends():
    assert [slotmim.weight_decay(t, 10) for t in (0, 5, 10)] == pytest.approx([0.04, 0.22, 0.4])
    assert [slotcon.momentum(t, 10, 0.996) for t in (0, 5, 10)] == pytest.approx([0.996, 0.998, 1.0])


def test_positions_are_sines_and_cosines_of_column_and_row_with_zeros_for_the_class_token():
    found = slotmim_vit.positions(3, 8)
    assert found.shape == (1, 10, 8)
    assert found[0, 0].abs().max() == 0
    y, x = np.meshgrid(np.arange(3), np.arange(3), indexing="ij")
    rates = np.array([1.0, 0.01])
    waves = [f(np.outer(axis.ravel(), rates)) for axis in (x, y) for f in (np.sin, np.cos)]
    torch.testing.assert_close(found[0, 1:], torch.from_numpy(np.concatenate(waves, axis=1)))


def test_weights_start_as_torchs_initializers_draw_them():
    state = slotmim_vit.initial_state(
        torch.Generator().manual_seed(0),
        channels=64, layers=1, size=3, patch=16, hidden=96, out=32, prototypes=40,
    )  # fmt: skip
    torch.testing.assert_close(state["backbone.pos_embed"], slotmim_vit.positions(3, 64), rtol=1e-7, atol=1e-7)
    assert torch.equal(state["backbone.pos_embed"], state["backbone.pos_embed"].float().double())
    for name, value in state.items():
        if name.startswith("teacher.") and name != "teacher.steps":
            assert torch.equal(value, state[name[8:]])
    for name in ("backbone.layers.0.attn.qkv.weight", "backbone.layers.0.ffn.layers.1.weight"):
        assert_same_spread(state[name], nn.init.xavier_uniform_(torch.empty_like(state[name])), uniform=True)
    kernel = state["backbone.patch_embed.projection.weight"].flatten(1)
    assert_same_spread(kernel, nn.init.xavier_uniform_(torch.empty_like(kernel)), uniform=True)
    bias = nn.Conv2d(3, 4096, 16).bias.detach().double()
    assert state["backbone.patch_embed.projection.bias"].abs().max() < bias.abs().max() * 1.001
    assert state["backbone.patch_embed.projection.bias"].std().item() == pytest.approx(bias.std().item(), rel=0.25)
    for name in ("neck.projector.0.weight", "neck.projector.4.weight", "slot_head.predictor.2.weight"):
        assert_same_spread(state[name], nn.init.trunc_normal_(torch.empty_like(state[name]), std=0.02))
    assert_same_spread(state["neck.prototypes"], torch.randn(40, 32))
    assert state["backbone.cls_token"].std().item() == pytest.approx(0.02, rel=0.3)
    zeros = ("mask_token", "ln2.bias", "attn.qkv.bias", "attn.proj.bias", "ffn.layers.0.0.bias", "projector.2.bias")
    assert all(state[n].abs().max() == 0 for n in state if n.endswith(zeros))
    assert all(
        torch.equal(state[n], torch.ones(64).double()) for n in state if n.endswith(("ln1.weight", "ln2.weight"))
    )


def assert_same_spread(found: Tensor, expected: Tensor, *, uniform: bool = False) -> None:
    assert found.std().item() == pytest.approx(expected.std().item(), rel=0.07)
    assert abs(found.mean().item()) < found.std().item() * 4 / math.sqrt(found.numel())
    if uniform:
        assert found.abs().max().item() == pytest.approx(expected.abs().max().item(), rel=0.01)


def test_masks_are_blocks_that_cover_as_much_as_published_and_never_more_than_the_budget():
    generator = random.Random(0)
    budgets: list[float] = []

    def draw(low: float, high: float) -> float:
        value = generator.uniform(low, high)
        if (low, high) == (0.1, 0.5):
            budgets.append(value * 196)
        return value

    found = [slotmim_masks.blocks(14, draw) for _ in range(4000)]
    covered = [len(set().union(*(block.tokens() for block in blocks))) for blocks in found]
    assert all(0 < c <= budget for c, budget in zip(covered, budgets, strict=True))
    assert all(0 <= b.top <= 14 - b.height and 0 <= b.left <= 14 - b.width for blocks in found for b in blocks)
    shares = np.array(covered) / 196
    assert shares.mean() == pytest.approx(0.293, abs=0.006)
    assert shares.std() == pytest.approx(0.117, abs=0.004)
    assert np.quantile(shares, [0.01, 0.99]) == pytest.approx([0.09, 0.49], abs=0.01)
    assert np.mean([len(blocks) for blocks in found]) == pytest.approx(3.35, abs=0.1)


@pytest.mark.parametrize(("size", "share"), [(3, 0.028), (2, 0.376)])
def test_masks_of_tiny_grids_are_sometimes_empty(size, share):
    """As often as in 40,000 draws of the published code's steps."""
    generator = random.Random(0)
    empty = [not slotmim_masks.block_mask(size, generator.uniform).any() for _ in range(4000)]
    assert np.mean(empty) == pytest.approx(share, abs=4 * (share * (1 - share) / 4000) ** 0.5)


def test_a_mask_is_the_union_of_its_blocks():
    mask = slotmim_masks.block_mask(14, random.Random(3).uniform)
    blocks = slotmim_masks.blocks(14, random.Random(3).uniform)
    expected = torch.zeros(14, 14, dtype=torch.bool)
    for top, left, height, width in blocks:
        expected[top : top + height, left : left + width] = True
    assert len(blocks) > 1
    assert torch.equal(mask, expected)
