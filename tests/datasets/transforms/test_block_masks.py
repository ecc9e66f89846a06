"""Masks of blocks: statistics, geometry, and what is refused."""

from __future__ import annotations

import random

import numpy as np
import pytest
from reference import slotmim_masks
from scipy import ndimage

from slotcon_mm.datasets.transforms.block_masks import GridMask, draw_block, draw_block_mask


def masks(count: int, height: int = 14, width: int = 14, **kwargs) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([draw_block_mask(rng, height, width, **kwargs) for _ in range(count)])


def test_the_masked_share_is_distributed_as_in_the_published_recipe():
    """40,000 draws there: mean 0.293, deviation 0.117, 1 and 99 % at 0.09 and 0.49, never empty."""
    share = masks(4000).mean(axis=(1, 2))
    assert share.mean() == pytest.approx(0.293, abs=4 * 0.117 / 4000**0.5)
    assert share.std() == pytest.approx(0.117, abs=0.004)
    np.testing.assert_allclose(np.quantile(share, [0.01, 0.99]), [0.09, 0.49], atol=0.01)
    assert share.min() > 0


@pytest.mark.parametrize(("side", "empty"), [(3, 0.04), (2, 0.36)])
def test_the_masks_of_tiny_grids_are_empty_as_often_as_in_the_published_recipe(side, empty):
    found = (~masks(4000, side, side).any(axis=(1, 2))).mean()
    assert found == pytest.approx(empty, abs=0.005 + 4 * (empty * (1 - empty) / 4000) ** 0.5)


class OneStream(random.Random):
    """The draws of a numpy Generator and those of the reference, of the same uniform numbers."""

    def integers(self, high: int) -> int:
        return int(high * self.random())


@pytest.mark.parametrize("side", [2, 3, 8, 14])
def test_the_same_draws_mask_the_same_patches_as_in_the_reference(side):
    ours, reference = OneStream(side), OneStream(side)
    for _ in range(300):
        expected = slotmim_masks.block_mask(side, reference.uniform)
        np.testing.assert_array_equal(draw_block_mask(ours, side, side), expected.numpy())


def test_no_mask_covers_more_than_the_drawn_share():
    drawn = masks(500, share=(0.3, 0.3)).sum(axis=(1, 2))
    assert drawn.max() <= 0.3 * 196
    assert drawn.max() == 58  # and the largest fill it


def test_masks_are_a_few_blocks_not_scattered_patches():
    parts = [ndimage.label(mask)[1] for mask in masks(300)]
    assert np.mean(parts) < 3
    scattered = np.random.default_rng(0).random((300, 14, 14)) < 0.29
    assert np.mean([ndimage.label(mask)[1] for mask in scattered]) > 20


def test_a_block_lies_anywhere_with_the_same_chance():
    rng = np.random.default_rng(0)
    blocks = [draw_block(rng, 14, 14, 16) for _ in range(6000)]
    corners = np.array([np.argwhere(block)[0] for block in blocks if block.sum() == 16 and block.any(1).sum() == 4])
    counts = np.bincount(corners[:, 0], minlength=11)
    assert len(counts) == 11
    expected = len(corners) / 11
    assert ((counts - expected) ** 2 / expected).sum() < 29.6  # chi-square of 10 degrees of freedom, p = 0.001


def test_a_block_is_never_as_high_or_as_wide_as_the_grid():
    rng = np.random.default_rng(0)
    for _ in range(500):
        block = draw_block(rng, 5, 9, 40)
        assert not block.any(axis=1).all()
        assert not block.any(axis=0).all()


def test_a_grid_is_that_of_the_view():
    drawn = GridMask((32, 64), patch_size=8).draw(np.random.default_rng(0))
    assert drawn.shape == (4, 8)
    assert drawn.dtype == bool


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(patch_size=15), "whole patches"),
        (dict(patch_size=0), "whole patches"),
        (dict(share=(0.5, 0.1)), "mask.share"),
        (dict(share=(0.1, 1.5)), "mask.share"),
        (dict(share=(0.1,)), "mask.share"),
    ],
)
def test_senseless_masks_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GridMask((32, 32), **arguments)
