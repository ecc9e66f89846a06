"""Networks described without labels: those whose worth is known, and what must not change a description."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from labeled_worlds import CELL, CLASSES, Colors, Constant, Worlds, network, rotation, stained
from torch import Tensor, nn

from slotcon_mm.evaluation.frozen import describe, second_views
from slotcon_mm.evaluation.frozen.describe import Description, describe_network
from slotcon_mm.evaluation.frozen.grids import Reading, each_grid
from slotcon_mm.models.necks.grouping_neck import GroupingNeck

READING = Reading(size=32)


def unlabeled(count: int, seed: int = 0) -> Worlds:
    """Of two sizes."""
    return Worlds([{"img": sample["img"]} for sample in stained(count, seed=seed).samples])


def described(backbone: nn.Module | None = None, images: Any = None, reading: Reading = READING, **others: Any):
    net = network(Colors(CELL, spread=0.3) if backbone is None else backbone, neck=others.pop("neck", None))
    images = unlabeled(6) if images is None else images
    return describe_network(net, images, reading, **{"most_pixels": 300, **others})


def same(one: Description, other: Description, **tolerance: float) -> bool:
    return list(one) == pytest.approx(list(other), nan_ok=True, **tolerance)


class Places(nn.Module):
    """Features that say which place of which image a cell is, read from red, green and blue, and turned."""

    def __init__(self, turned: Tensor | None = None) -> None:
        super().__init__()
        self.turned = nn.Parameter(torch.eye(6, dtype=torch.double) if turned is None else turned)

    def forward(self, images_B3HW: Tensor) -> Tensor:
        angle = math.pi / 2 * torch.nn.functional.avg_pool2d(images_B3HW.double(), CELL)
        return torch.einsum("ed,bdhw->behw", self.turned, torch.cat([angle.cos(), angle.sin()], dim=1))


def places(count: int) -> Worlds:
    y, x = np.mgrid[0:64, 0:80]
    return Worlds(
        [
            {"img": np.stack([y * 255 / 63, x * 255 / 79, np.full(x.shape, 255 * i / count)], axis=2).astype(np.uint8)}
            for i in range(count)
        ]
    )


def test_features_equal_to_places_agree_in_100_percent(monkeypatch):
    monkeypatch.setattr(second_views, "JITTER", (0.0, 0.0, 0.0, 0.0))
    found = described(Places(), places(6), Reading(size=64))
    assert found.agreement == 1.0
    assert 0 < found.chance < 0.01
    assert found.images == 6
    assert found.full_rank == 6


class Noise(nn.Module):
    """Features that have nothing to do with the image."""

    def __init__(self) -> None:
        super().__init__()
        self.nothing, self.generator = nn.Parameter(torch.zeros(())), torch.Generator().manual_seed(0)

    def forward(self, images_B3HW: Tensor) -> Tensor:
        batch, _, height, width = images_B3HW.shape
        return torch.randn(batch, 8, height // CELL, width // CELL, generator=self.generator)


def test_random_features_agree_by_chance():
    """2,000 queries: three standard deviations are 0.7 %."""
    found = described(Noise(), places(2), Reading(size=64), most_pixels=2000)
    assert found.agreement == pytest.approx(found.chance, abs=0.007)
    assert 7.5 < found.rank < 8


def test_collapsed_features_have_a_rank_of_one_and_agree_no_more_than_by_chance():
    found = described(Constant(), places(6), Reading(size=64))
    assert found.rank == pytest.approx(1, abs=1e-4)
    assert found.full_rank == 4
    assert found.agreement < 0.02


def test_the_rank_is_that_of_the_formula_for_the_pixels_of_all_images():
    images = unlabeled(4)
    for sample in images.samples:
        sample["gt_sem_seg"] = np.zeros(sample["img"].shape[:2], np.uint8)
    maps = [grid.features for grid in each_grid(network(Colors(CELL, spread=0.3)), images, READING)]
    rows = torch.cat([found.flatten(1).T for found in maps]).double()
    values = torch.linalg.eigvalsh(rows.T @ rows).clamp(min=0).sqrt()
    entropy = -sum(float(v / values.sum()) * math.log(v / values.sum()) for v in values if v > 0)
    assert described(images=images, most_pixels=10_000).rank == pytest.approx(math.exp(entropy), rel=1e-5)


class Groups(GroupingNeck):
    """Prototypes that are the colors' own features."""

    def __init__(self) -> None:
        super().__init__(CLASSES + 3, 4, CLASSES + 3, CLASSES)
        self.prototypes = torch.nn.Parameter(torch.eye(CLASSES, CLASSES + 3))

    def project(self, features: Tensor) -> Tensor:
        return features.float()


def test_usage_is_that_of_the_networks_prototypes_on_whole_images():
    images = Worlds([{"img": np.full((32, 32, 3), color, np.uint8)} for color in ((0, 0, 0), (255, 0, 0))])
    images.samples[1]["img"][:, 16:] = (0, 255, 0)
    found = described(images=images, neck=Groups().eval())
    assert found.prototypes == CLASSES
    assert found.used_prototypes == pytest.approx(2**1.5)  # shares of 1/2, 1/4 and 1/4
    assert found.prototypes_an_image == 1.5


def test_networks_without_prototypes_have_no_usage():
    found = described()
    assert math.isnan(found.used_prototypes)
    assert math.isnan(found.prototypes_an_image)
    assert found.prototypes == 0


@pytest.fixture
def mild(monkeypatch) -> None:
    """Jitter of colors that misleads ``Places`` at times, so that agreement lies between chance and 100 %."""
    monkeypatch.setattr(second_views, "JITTER", (0.1, 0.1, 0.1, 0.0))


def on_places(backbone: nn.Module | None = None, batch_size: int = 16, **others: Any) -> Description:
    return described(backbone or Places(), places(3), Reading(64, batch_size), **others)


@pytest.mark.usefixtures("mild")
def test_this_network_lies_between_chance_and_100():
    found = on_places()
    assert 0.2 < found.agreement < 0.8
    assert 2 < found.rank < found.full_rank == 6


@pytest.mark.usefixtures("mild")
def test_a_rotation_of_the_feature_space_changes_nothing():
    """To rounding: a neighbor in hundreds may be as near as another one."""
    assert same(on_places(Places(rotation(6, 2))), on_places(), abs=5e-3)


@pytest.mark.usefixtures("mild")
def test_batches_change_nothing():
    assert same(on_places(batch_size=1), on_places(), abs=1e-6)


@pytest.mark.parametrize("reading", [Reading(32, 1), Reading(32, 4, workers=1)])
def test_batches_and_workers_change_nothing_where_images_differ_in_size_and_there_are_prototypes(reading):
    neck = Groups().eval()
    assert same(described(reading=reading, neck=neck), described(neck=neck), abs=1e-6)


@pytest.mark.usefixtures("mild")
def test_a_seed_draws_the_same_and_another_one_others():
    assert on_places(seed=1) == pytest.approx(on_places(seed=1), abs=0, nan_ok=True)
    assert on_places(seed=1).rank != on_places(seed=2).rank
    assert on_places(seed=1).agreement != on_places(seed=2).agreement


def test_a_description_draws_no_random_number_of_the_process():
    state, of_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()
    described()
    assert torch.get_rng_state().equal(state)
    assert np.array_equal(np.random.get_state()[1], of_numpy)


class Counted(Worlds):
    """Notes which images are read."""

    def __init__(self, samples: Any) -> None:
        super().__init__(samples)
        self.read: set[int] = set()

    def __getitem__(self, index: int) -> dict[str, Any]:
        self.read.add(index)
        return super().__getitem__(index)


def test_at_most_so_many_images_are_read_evenly_over_all():
    images = Counted(unlabeled(9).samples)
    assert described(images=images, most_images=3).images == 3
    assert images.read == {0, 4, 8}


def test_pixels_are_bounded_whatever_the_images(monkeypatch):
    seen: list[tuple[int, ...]] = []
    rank = describe.feature_rank
    monkeypatch.setattr(describe, "feature_rank", lambda rows: seen.append(tuple(rows.shape)) or rank(rows))
    described(most_pixels=20)
    assert seen == [(24, CLASSES + 3)]  # four of each of six images


def test_images_of_odd_shapes_are_described():
    shapes = [(1, 1), (1, 90), (90, 1), (33, 47), (20, 500)]
    rng = np.random.default_rng(0)
    images = Worlds([{"img": rng.integers(256, size=(*shape, 3), dtype=np.uint8)} for shape in shapes])
    found = described(images=images, neck=Groups().eval())
    assert all(map(math.isfinite, found))


def test_what_cannot_be_described_is_refused_in_words():
    for options, message in [
        (dict(images=Worlds([])), "expected images, got none"),
        (dict(most_images=0), "expected most_images above 0, got 0"),
        (dict(most_pixels=-1), "expected most_pixels above 0, got -1"),
        (dict(reading=Reading(32, 0)), "expected batch_size above 0, got 0"),
        (dict(reading=Reading(-5)), "expected size above 0, got -5"),
        (dict(backbone=Constant(math.nan)), "expected finite features, got NaN or infinity: the weights"),
    ]:
        with pytest.raises(ValueError, match=message):
            described(**options)
