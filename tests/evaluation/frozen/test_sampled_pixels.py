"""Cells of feature maps, drawn so that their order does not matter."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from slotcon_mm.datasets.label_sets import IGNORED
from slotcon_mm.evaluation.frozen.grids import Grid
from slotcon_mm.evaluation.frozen.sampled_pixels import Pixels, PixelSample, draw_cells

IMAGES, CELLS = 5, 12


def grid(position: int) -> Grid:
    """3 x 4 cells of 2 x 2 pixels; the feature says which cell of which image it is, and its label too."""
    numbers = torch.arange(CELLS).view(1, 3, 4) + CELLS * position
    labels = (numbers[0] % 4).numpy().astype(np.uint8)
    labels[0] = IGNORED
    return Grid(position, numbers.float(), None, labels.repeat(2, axis=0).repeat(2, axis=1), None)


def sampled(most: int, positions: list[int], *, labeled: bool) -> Pixels:
    sample = PixelSample(most, IMAGES, labeled=labeled)
    for position in positions:
        sample.add(grid(position))
    return sample.gather(torch.device("cpu"))


def test_all_cells_are_taken_where_there_are_few_but_those_without_a_label():
    pixels = sampled(1000, [3, 0, 2, 1, 4], labeled=False)
    assert pixels.features.flatten().tolist() == [*range(IMAGES * CELLS)]
    labeled = sampled(1000, [3, 0, 2, 1, 4], labeled=True)
    expected = [n for n in range(IMAGES * CELLS) if n % CELLS >= 4]
    assert labeled.features.flatten().tolist() == expected
    assert labeled.labels.tolist() == [n % 4 for n in expected]
    assert labeled.labels.dtype == torch.int64


@pytest.mark.parametrize("most", [1, 9, 10, 13])
def test_each_image_gives_as_many_so_that_the_whole_is_bounded(most):
    pixels = sampled(most, [*range(IMAGES)], labeled=True)
    each = (most + IMAGES - 1) // IMAGES
    images = (pixels.features.flatten() // CELLS).long()
    assert torch.bincount(images, minlength=IMAGES).tolist() == [each] * IMAGES
    assert len(images) < most + IMAGES
    assert pixels.labels.equal((pixels.features.flatten() % 4).long())
    assert (pixels.features.flatten().diff() > 0).all()


def test_images_draw_other_cells_and_in_any_order_the_same():
    one, other = (sampled(20, order, labeled=False) for order in ([0, 1, 2, 3, 4], [4, 2, 0, 3, 1]))
    assert one.features.equal(other.features)
    chosen = one.features.view(IMAGES, 4) - CELLS * torch.arange(IMAGES)[:, None]
    assert len({tuple(row) for row in chosen.tolist()}) > 1


def test_images_without_any_label_are_refused():
    sample = PixelSample(10, 1, labeled=True)
    sample.add(grid(0)._replace(labels=np.full((6, 8), IGNORED, np.uint8)))
    with pytest.raises(ValueError, match="expected images with labels, got none with a labeled pixel"):
        sample.gather(torch.device("cpu"))


def test_drawn_cells_ascend_and_are_those_of_the_key_or_all_if_there_are_few():
    assert draw_cells(5, 9, (0, 1)).tolist() == [0, 1, 2, 3, 4]
    drawn = draw_cells(100, 7, (0, 1))
    assert len(drawn) == 7
    assert (drawn.diff() > 0).all()
    assert drawn.equal(draw_cells(100, 7, (0, 1)))
    assert not drawn.equal(draw_cells(100, 7, (0, 2)))
