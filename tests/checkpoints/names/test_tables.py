"""Tables of names, read in both directions."""

from __future__ import annotations

import pytest
import torch
from mmpretrain.models import ResNet

from slotcon_mm.checkpoints.names.families import FAMILIES, all_namings, naming_by_layers, naming_of
from slotcon_mm.checkpoints.names.swins import from_unfolded, to_unfolded
from slotcon_mm.checkpoints.names.tables import Naming, Row, ours_of, theirs_of
from slotcon_mm.checkpoints.names.translation import by_our_names, by_their_names

NAMING = Naming("a library", "stem.weight", (Row("b{i}.{j}.fc.*", "blocks.{j}.of.{i}.linear.*"), Row("gamma", "scale")))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("b12.3.fc.weight", "blocks.3.of.12.linear.weight"),
        ("b0.0.fc.running_var", "blocks.0.of.0.linear.running_var"),
        ("gamma", "scale"),
        ("b1.2.fc.other", None),
        ("x.b1.2.fc.weight", None),
        ("b1.2xfc.weight", None),
        ("gamma.weight", None),
    ],
)
def test_a_template_stands_for_numbers_and_for_parameters(theirs, ours):
    found = ours_of(NAMING, theirs)
    assert (found and found[0]) == ours
    if ours:
        assert theirs_of(NAMING, ours)[0] == theirs


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_naming_leads_to_names_of_ours_and_ours_is_the_first(family):
    ours = family.namings[0]
    assert all(row.theirs == row.ours for row in ours.rows)
    apart = (".q.weight", ".k.weight", ".v.weight", "w1.weight", "w2.weight", "bias_mask")  # parts of one tensor
    for row in (row for naming in family.namings for row in naming.rows):
        name = row.ours.replace("{i}", "1").replace("{j}", "2").replace("{k}", "1").replace("*", "weight")
        known = ours_of(ours, name) or name.endswith(apart) or name.startswith("stem.")
        assert known, name


def test_no_naming_gives_one_of_its_names_twice():
    for known in all_namings():
        names = [row.theirs for row in known.naming.rows]
        assert len(names) == len(set(names)), known.naming.library


def test_a_network_is_known_by_all_of_its_names_only():
    names = list(ResNet(depth=18).state_dict())
    assert naming_of(names).family.name == "ResNet"
    assert naming_of([*names, "layer1.0.se.weight"]) is None
    assert naming_of(names[6:]) is None
    assert naming_by_layers(["layer1.0.bn1"]) is None
    assert naming_by_layers(["conv1", "layer1.0.bn1"]).naming.library == "torchvision and timm"


def test_the_order_of_a_cells_four_pixels_is_mmpretrains_and_goes_back():
    """Channels are named by their pixel (row, column) and number."""
    pixels = [(0, 0), (1, 0), (0, 1), (1, 1)]  # the order of the authors' concatenation
    theirs = torch.tensor([100 * row + 10 * column + channel for row, column in pixels for channel in range(3)])
    unfolded = torch.nn.functional.unfold(
        torch.tensor([[[[100 * r + 10 * c + ch for c in range(2)] for r in range(2)] for ch in range(3)]]).float(), 2
    ).flatten()
    assert to_unfolded(theirs).equal(unfolded.long())
    assert from_unfolded(to_unfolded(theirs)).equal(theirs)


QUERIES = Naming("apart", "x", tuple(Row(f"{part}.*", f"layers.0.attn.{part}.*") for part in "qkv"))


def test_queries_keys_and_values_come_together_and_a_part_without_a_bias_has_zeros():
    parts = {f"{part}.weight": torch.full((2, 2), float(i)) for i, part in enumerate("qkv")}
    biases = {"q.bias": torch.ones(2), "v.bias": torch.full((2,), 3.0)}
    ours, unknown = by_our_names(QUERIES, {**parts, **biases, "other": torch.ones(1)})
    assert unknown == ["other"]
    assert ours["layers.0.attn.qkv.weight"][:, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert ours["layers.0.attn.qkv.bias"].tolist() == [1, 1, 0, 0, 3, 3]
    with pytest.raises(ValueError, match=r"weights of q, k, v in layers\.0\.attn, got some of them only"):
        by_our_names(QUERIES, {"q.weight": torch.ones(2, 2)})


def test_names_that_the_other_library_lacks_are_told():
    assert by_their_names(NAMING, dict(scale=torch.ones(1), other=torch.ones(1)))[1] == ["other"]
