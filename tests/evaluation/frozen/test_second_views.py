"""The second view of an image, and where its cells lie."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import coordinate_image
from labeled_worlds import Worlds
from torch.utils.data import DataLoader

from slotcon_mm.evaluation.frozen import second_views
from slotcon_mm.evaluation.frozen.second_views import SecondViews, places_in_image, recolored, view_size

CPU = torch.device("cpu")
HEIGHT, WIDTH = 96, 128


def ramps(count: int, height: int = HEIGHT, width: int = WIDTH) -> Worlds:
    """The place of each pixel in its color: 255 y and 255 x, in shares of height and width."""
    x, y = np.moveaxis(coordinate_image(width, height)[..., :2], -1, 0)
    image = np.stack([255 * y / height, 255 * x / width, np.zeros_like(x)], axis=2).round().astype(np.uint8)
    return Worlds([{"img": image}] * count)


def test_the_middles_of_cells_lie_where_the_image_says_that_they_do(monkeypatch):
    monkeypatch.setattr(second_views, "JITTER", (0.0, 0.0, 0.0, 0.0))
    views = SecondViews(ramps(40), (64, 48), seed=3)
    samples = [views[i] for i in range(40)]
    assert {sample["is_flipped"] for sample in samples} == {False, True}
    colors = torch.nn.functional.avg_pool2d(recolored(samples, CPU), 8)
    for sample, color_3hw in zip(samples, colors, strict=True):
        assert color_3hw.shape[1:] == (8, 6)
        read = color_3hw[:2].flatten(1).T.double() / 255
        found = places_in_image(sample, (8, 6))
        assert (found - read).abs().max() < 0.02  # a cell is at least 0.06 wide; bicubic resizing bends the edges


def test_places_are_those_of_the_crop_written_out_in_loops():
    for is_flipped in (False, True):
        sample = dict(box=(0.1, 0.2, 0.5, 1.0), is_flipped=is_flipped)
        expected = []
        for row in range(2):
            for column in range(4):
                along = (column + 0.5) / 4
                x = 0.5 - 0.4 * along if is_flipped else 0.1 + 0.4 * along
                expected.append([0.2 + 0.8 * (row + 0.5) / 2, x])
        torch.testing.assert_close(places_in_image(sample, (2, 4)), torch.tensor(expected, dtype=torch.float64))


def test_crops_have_30_to_100_percent_of_the_area_and_half_of_them_are_mirrored():
    views = SecondViews(ramps(200), (32, 32), seed=0)
    boxes = np.array([views[i]["box"] for i in range(200)])
    shares = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    assert boxes.min() >= 0
    assert boxes.max() <= 1
    assert 0.28 < shares.min() < 0.35
    assert 0.9 < shares.max() <= 1.0
    assert 70 < sum(views[i]["is_flipped"] for i in range(200)) < 130


def test_draws_are_those_of_seed_and_index_whatever_the_worker_or_the_size_and_leave_the_processs_own_alone():
    state, of_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()
    alone = [SecondViews(ramps(6), (32, 32), seed=1)[i] for i in (5, 4, 3, 2, 1, 0)][::-1]
    assert torch.get_rng_state().equal(state)
    assert np.array_equal(np.random.get_state()[1], of_numpy)
    loader = DataLoader(SecondViews(ramps(6), (32, 32), seed=1), 2, num_workers=1, collate_fn=list)
    for one, other in zip(alone, [sample for batch in loader for sample in batch], strict=True):
        assert one["view"].equal(other["view"])
        assert one["jitter_factors"].equal(other["jitter_factors"])
    larger, other_seed = SecondViews(ramps(6), (64, 48), seed=1), SecondViews(ramps(6), (32, 32), seed=2)
    for i, one in enumerate(alone):
        assert larger[i]["box"] == one["box"]
        assert larger[i]["jitter_order"].equal(one["jitter_order"])
        assert other_seed[i]["box"] != one["box"]
    assert len({one["box"] for one in alone}) == 6


def test_colors_change_and_do_not_depend_on_the_batch():
    views = SecondViews(ramps(5), (32, 32), seed=0)
    samples = [views[i] for i in range(5)]
    together = recolored(samples, CPU)
    assert together.min() >= 0
    assert together.max() <= 255
    for sample, view in zip(samples, together, strict=True):
        torch.testing.assert_close(recolored([sample], CPU)[0], view)
        assert (view - sample["view"]).abs().mean() > 2


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 300), (300, 1), (2, 3), (40, 640)])
def test_images_of_any_shape_have_a_second_view(height, width):
    sample = SecondViews(ramps(1, height, width), (32, 32), seed=0)[0]
    assert sample["view"].shape == (3, 32, 32)
    left, top, right, bottom = sample["box"]
    assert 0 <= left < right <= 1
    assert 0 <= top < bottom <= 1


def test_a_view_has_the_size_of_a_trainings_views_or_their_proportion_to_the_images_shown():
    assert view_size((224, 224), None) == (224, 224)
    assert view_size((224, 224), 320) == (224, 224)
    assert view_size((224, 224), 160) == (112, 112)
    assert view_size((128, 256), None) == (128, 256)
    assert view_size((224, 224), 10) == (32, 32)
