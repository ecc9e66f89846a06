"""The neck: initial weights, and what it refuses."""

from __future__ import annotations

import pytest
import torch

from slotcon_mm.models import GroupingNeck


def test_projector_and_prototypes_are_drawn_as_the_paper_draws_them():
    neck = GroupingNeck(in_channels=512, hidden_channels=1024, out_channels=64, num_prototypes=300)
    neck.init_weights()
    for layer in (0, 3, 6):
        assert neck.projector[layer].weight.std().item() == pytest.approx(0.02, rel=0.03)
        assert neck.projector[layer].bias.abs().max() == 0
    for layer in (1, 4):
        assert torch.equal(neck.projector[layer].weight, torch.ones(1024))
    assert neck.prototypes.std().item() == pytest.approx(1, rel=0.03)
    # "cut at -2 and 2" is absolute, a hundred standard deviations: the tails are a normal's
    assert neck.projector[3].weight.abs().max() > 0.08


def test_it_groups_the_last_feature_map():
    neck = GroupingNeck(in_channels=4, hidden_channels=8, out_channels=5, num_prototypes=6).eval()
    feature = torch.randn(2, 4, 3, 2)
    scores, slots = neck((torch.randn(2, 9, 6, 4), feature))
    assert scores.shape == (2, 6, 3, 2)
    assert slots.shape == (2, 6, 5)
    torch.testing.assert_close(neck(feature).scores, scores)


def test_in_index_chooses_another_feature_map():
    neck = GroupingNeck(in_channels=4, hidden_channels=8, out_channels=5, num_prototypes=6, in_index=0).eval()
    feature = torch.randn(2, 4, 3, 2)
    grouping = neck((feature, torch.randn(2, 9, 6, 4)))
    torch.testing.assert_close(grouping.scores, neck(feature).scores)
    projected = neck.project((feature, torch.randn(2, 9, 6, 4)))
    torch.testing.assert_close(projected, neck.projector(feature))


def test_features_that_are_no_map_are_refused_with_the_fix():
    with pytest.raises(ValueError, match="out_type='featmap'"):
        GroupingNeck(in_channels=4, hidden_channels=4)(torch.randn(2, 4))


def test_features_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"expected 4 channels \(neck.in_channels\).*got 5"):
        GroupingNeck(in_channels=4, hidden_channels=4)(torch.randn(2, 5, 2, 2))


@pytest.mark.parametrize(
    "arguments", [dict(num_prototypes=1), dict(temperature=0.0), dict(out_channels=0), dict(hidden_channels=-1)]
)
def test_sizes_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        GroupingNeck(**arguments)


def test_prototypes_that_nobody_chose_are_refused_with_who_chooses_them():
    with pytest.raises(
        ValueError, match=r"expected a number for num_prototypes, got 'auto': .*set model.neck.num_prot"
    ):
        GroupingNeck(num_prototypes="auto")


def test_a_neck_without_norms_is_two_gelus_between_three_layers():
    neck = GroupingNeck(in_channels=6, hidden_channels=8, out_channels=7, num_prototypes=5, norm=False).double()
    neck.init_weights()
    assert [type(layer).__name__ for layer in neck.projector] == ["PointwiseConv2d", "GELU"] * 2 + ["PointwiseConv2d"]
    features = torch.randn(2, 6, 3, 4, dtype=torch.float64)
    rows = features.movedim(1, -1)
    for i in (0, 2, 4):
        layer = neck.projector[i]
        rows = torch.nn.functional.linear(rows, layer.weight[:, :, 0, 0], layer.bias)
        rows = rows if i == 4 else torch.nn.functional.gelu(rows)
    torch.testing.assert_close(neck.project(features), rows.movedim(-1, 1))


def test_temperature_and_epsilon_of_the_assignment_are_those_given():
    neck = GroupingNeck(in_channels=6, hidden_channels=8, out_channels=7, num_prototypes=5, norm=False, epsilon=1e-12)
    neck = neck.double()
    features = torch.randn(2, 6, 3, 4, dtype=torch.float64)
    pixels, found = neck.project(features), neck(features, 0.04)
    share = (found.scores / 0.04).softmax(dim=1) + 1e-12
    expected = torch.einsum("bdhw,bkhw->bkd", pixels, share / share.sum(dim=(2, 3), keepdim=True))
    torch.testing.assert_close(found.slots, expected)
    assert not torch.allclose(found.slots, neck(features).slots)


@pytest.mark.parametrize(("dtype", "shares"), [(torch.float16, [0.5, 0.5]), (torch.float32, [0.01, 0.99])])
def test_the_assignment_of_half_precision_features_has_a_larger_epsilon(dtype, shares):
    """1e-6 there, as published: the slot of a prototype far from every pixel is the mean of all of them."""
    neck = GroupingNeck(in_channels=2, hidden_channels=8, out_channels=2, num_prototypes=2, norm=False, epsilon=1e-12)
    neck.projector = torch.nn.Identity()
    with torch.no_grad():
        neck.prototypes.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
    pixels = torch.tensor([[1.0, 0.0], [0.8, 0.6]], dtype=dtype)
    slot = neck(pixels.T.reshape(1, 2, 1, 2)).slots[0, 1]
    torch.testing.assert_close(slot, torch.tensor(shares) @ pixels.float(), rtol=0, atol=2e-3)
