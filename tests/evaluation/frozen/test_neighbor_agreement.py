"""The agreement of nearest neighbors beside loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from slotcon_mm.evaluation.frozen import neighbor_agreement
from slotcon_mm.evaluation.frozen.neighbor_agreement import NeighborAgreement, Queries

GRIDS = [(4, 6), (5, 5), (3, 8)]


def normal(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(*shape, generator=generator, dtype=torch.float64), dim=0)


def maps() -> list[Tensor]:
    """Of three images: features (3, h, w)."""
    return [normal(3, *grid, seed=i) for i, grid in enumerate(GRIDS)]


def queries(noise: float) -> Queries:
    """Ten of each image, at random places, with the feature of the cell there, more or less."""
    rng, features, places = np.random.default_rng(0), [], []
    for found, (rows, columns) in zip(maps(), GRIDS, strict=True):
        for y, x in rng.random((10, 2)):
            feature = found[:, int(y * rows), int(x * columns)] + noise * torch.from_numpy(rng.normal(size=3))
            features.append(feature / feature.norm())
            places.append([y, x])
    positions = torch.arange(3).repeat_interleave(10)
    return Queries(torch.stack(features), torch.tensor(places, dtype=torch.float64), positions)


def scored(asked: Queries, images: list[Tensor]) -> tuple[float, float]:
    agreement = NeighborAgreement(asked)
    for position, features in enumerate(images):
        agreement.add(position, features)
    return agreement.score()


def in_loops(asked: Queries, images: list[Tensor]) -> tuple[float, float]:
    """Share of agreement, and the mean over queries of the share of cells that would agree."""
    agreeing, chances = 0, []
    for feature, (y, x), position in zip(*(part.tolist() for part in asked), strict=True):
        cells = []  # cosine, and whether it is the same place
        for number, features in enumerate(images):
            rows, columns = features.shape[1:]
            for row in range(rows):
                for column in range(columns):
                    cosine = sum(a * float(b) for a, b in zip(feature, features[:, row, column], strict=True))
                    is_near = abs((row + 0.5) - y * rows) <= 1 and abs((column + 0.5) - x * columns) <= 1
                    cells.append((cosine, number == position and is_near))
        agreeing += max(cells)[1]
        chances.append(sum(same for _, same in cells) / len(cells))
    return agreeing / len(chances), sum(chances) / len(chances)


@pytest.mark.parametrize(("noise", "held"), [(0.0, 2**26), (0.3, 2**26), (0.3, 1), (0.3, 210), (3.0, 100)])
def test_share_and_chance_are_those_of_loops_over_all_pairs_however_many_are_held_at_once(noise, held, monkeypatch):
    monkeypatch.setattr(neighbor_agreement, "MOST_COSINES", held)
    found = scored(queries(noise), maps())
    assert found == pytest.approx(in_loops(queries(noise), maps()))
    assert (found[0] == 1.0) == (noise == 0.0)


def test_random_features_agree_by_chance():
    """4,000 queries: three standard deviations are 0.8 %."""
    rng = np.random.default_rng(0)
    places = torch.from_numpy(rng.random((4000, 2)))
    asked = Queries(normal(16, 4000, seed=5).T, places, torch.from_numpy(rng.integers(2, size=4000)))
    images = [normal(16, 10, 8, seed=6), normal(16, 6, 8, seed=7)]
    share, chance = scored(asked, images)
    assert 0.02 < chance < 0.04
    assert share == pytest.approx(chance, abs=0.008)


def test_the_same_place_of_another_image_is_not_the_same_place():
    found = maps()[0]
    asked = Queries(found[:, 1, 2][None], torch.tensor([[1.5 / 4, 2.5 / 6]], dtype=torch.float64), torch.tensor([1]))
    assert scored(asked, [found, -found])[0] == 0
    assert scored(asked, [-found, found])[0] == 1


def test_one_cell_away_counts_and_two_do_not():
    found = torch.eye(5).view(5, 1, 5)  # a feature for each of five cells
    for away in range(5):
        place = torch.tensor([[0.5, (away + 0.5) / 5]], dtype=torch.float64)
        share, _ = scored(Queries(torch.eye(5)[:1], place, torch.tensor([0])), [found])
        assert share == (away <= 1)


def test_collapsed_features_take_the_first_cell_of_the_first_image():
    """All cosines are equal: two of three images cannot agree."""
    asked = queries(0.0)._replace(features=torch.ones(30, 1, dtype=torch.float64))
    share, _ = scored(asked, [torch.ones(1, *grid, dtype=torch.float64) for grid in GRIDS])
    near_first = [abs(0.5 - y * 4) <= 1 and abs(0.5 - x * 6) <= 1 for y, x in asked.places[:10].tolist()]
    assert share == sum(near_first) / 30


def test_what_processes_find_among_their_images_is_put_together_and_among_equals_the_first_image_counts(monkeypatch):
    images = [*maps(), maps()[1], maps()[0]]  # the last two are copies of earlier ones
    whole = scored(queries(0.3), images)
    states = []
    for rank in (0, 1, 2, 3, 4, 5):  # the last one has no image
        agreement = NeighborAgreement(queries(0.3))
        for position in range(rank, len(images), 6):
            agreement.add(position, images[position])
        states.append(agreement.state())
    for order in (states, states[::-1]):
        monkeypatch.setattr(neighbor_agreement, "all_gather_object", lambda state, order=order: order)
        assert NeighborAgreement(queries(0.3)).score() == whole
    assert whole[0] > 0.1
