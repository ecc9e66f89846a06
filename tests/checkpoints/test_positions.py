"""Position embeddings of other grids and other tokens."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from slotcon_mm.checkpoints.positions import fit_positions, without_class_position


def fit(given: Tensor, wanted: tuple[int, ...], **options: object) -> tuple[dict[str, Tensor], str | None]:
    tensors = dict(pos_embed=given, cls_token=torch.ones(1, 1, given.shape[2]))
    settings = dict(positions="pos_embed", class_token="cls_token", grid=None, antialias=False)
    return fit_positions(tensors, dict(pos_embed=torch.zeros(wanted)), **{**settings, **options})


def test_the_grid_is_resized_and_the_class_tokens_place_stays():
    given = torch.randn(1, 1 + 9, 4)
    found, note = fit(given, (1, 1 + 16, 4))
    plane = given[:, 1:].reshape(1, 3, 3, 4).permute(0, 3, 1, 2)
    expected = torch.nn.functional.interpolate(plane, size=(4, 4), mode="bicubic")
    assert found["pos_embed"][:, :1].equal(given[:, :1])
    torch.testing.assert_close(found["pos_embed"][:, 1:], expected.flatten(2).transpose(1, 2))
    assert note == "position embeddings resized from 3 x 3 to 4 x 4 (bicubic)"


def test_a_grid_that_is_not_square_is_filled_by_rows():
    found, note = fit(torch.randn(1, 9, 4), (1, 15, 4), grid=(3, 5))
    assert found["pos_embed"].shape == (1, 15, 4)
    assert "from 3 x 3 to 3 x 5" in note


@pytest.mark.parametrize(("noted", "grid"), [((2, 8), None), ((4, 4), (2, 8)), ((2, 8), (8, 2))])
def test_as_many_embeddings_of_another_grid_are_resized_all_the_same(noted, grid):
    given = torch.randn(1, 1 + 16, 4)
    found, note = fit(given, (1, 1 + 16, 4), grid=grid, noted=noted)
    plane = given[:, 1:].reshape(1, *noted, 4).permute(0, 3, 1, 2)
    expected = torch.nn.functional.interpolate(plane, size=grid or (4, 4), mode="bicubic")
    torch.testing.assert_close(found["pos_embed"][:, 1:], expected.flatten(2).transpose(1, 2))
    assert "resized from {} x {} to {} x {}".format(*noted, *(grid or (4, 4))) in note


@pytest.mark.parametrize("noted", [None, (2, 8), (5, 5)])
def test_embeddings_of_the_networks_own_grid_stay(noted):
    given = torch.randn(1, 1 + 16, 4)
    found, note = fit(given, (1, 1 + 16, 4), grid=(2, 8), noted=noted)
    assert found["pos_embed"].equal(given)
    assert note is None


def test_a_shrinking_grid_is_smoothed_where_that_is_asked_for():
    given = torch.randn(1, 64, 2)
    smooth, note = fit(given, (1, 4, 2), antialias=True)
    assert note.endswith("(bicubic, antialiased)")
    assert smooth["pos_embed"].std() < fit(given, (1, 4, 2))[0]["pos_embed"].std()


def test_a_class_tokens_place_is_added_to_the_token_where_the_network_has_none():
    given = torch.randn(1, 10, 4)
    found, note = fit(given, (1, 9, 4))
    assert note is None
    assert found["cls_token"].equal(torch.ones(1, 1, 4) + given[:, :1])
    assert found["pos_embed"].equal(given[:, 1:])
    back, _ = fit(found["pos_embed"], (1, 10, 4))
    assert back["pos_embed"][:, 0].abs().sum() == 0
    assert back["pos_embed"][:, 1:].equal(given[:, 1:])
    assert without_class_position(dict(pos_embed=given, cls_token=torch.ones(1, 1, 4)))["cls_token"].equal(
        found["cls_token"]
    )


def test_a_class_tokens_place_is_left_out_where_the_network_has_no_class_token():
    given = torch.randn(1, 10, 4)
    network = dict(pos_embed=torch.zeros(1, 9, 4))
    settings = dict(positions="pos_embed", class_token="", grid=None, antialias=False)
    assert fit_positions(dict(pos_embed=given), network, **settings)[0]["pos_embed"].equal(given[:, 1:])
    larger, note = fit_positions(dict(pos_embed=given), dict(pos_embed=torch.zeros(1, 16, 4)), **settings)
    assert larger["pos_embed"].shape == (1, 16, 4)
    assert note == "position embeddings resized from 3 x 3 to 4 x 4 (bicubic)"


@pytest.mark.parametrize(("given", "wanted"), [((1, 8, 4), (1, 9, 4)), ((1, 9, 4), (1, 8, 4)), ((1, 11, 4), (1, 9, 4))])
def test_what_cannot_be_told_stays_as_it_is(given, wanted):
    value = torch.randn(given)
    assert fit(value, wanted)[0]["pos_embed"].equal(value)
