"""The transform: pixels, draws, and inverse augmentation on images whose values are their coordinates."""

from __future__ import annotations

import os
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.dataset import default_collate
from torchvision.transforms.v2 import functional as tv

from slotcon_mm.datasets.transforms.paired_views import PairedViews, cut_view
from slotcon_mm.datasets.transforms.view_geometry import Crop, draw_crop, draw_overlapping_crop, overlap_boxes
from slotcon_mm.models.functional import align_to_overlap


def random_image(width: int = 60, height: int = 40, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def sample(index: int = 0, **kwargs) -> dict:
    return PairedViews(size=16, **kwargs)(dict(img=random_image(), sample_idx=index))


def test_a_sample_holds_two_views_their_geometry_and_every_draw():
    result = sample()
    assert [(view.shape, view.dtype) for view in result["inputs"]] == [((3, 16, 16), torch.uint8)] * 2
    assert result["data_samples"].overlap_boxes.shape == (2, 4)
    assert result["data_samples"].flipped.dtype == torch.bool
    assert {name: tuple(value.shape) for name, value in result["photometric"].items()} == dict(
        jitter=(2,), jitter_factors=(2, 4), jitter_order=(2, 4), gray=(2,), blur_sigma=(2,), solarize=(2,)
    )


def test_a_view_may_be_a_rectangle():
    square, wide = sample(3), PairedViews(size=[12, 30])(dict(img=random_image(), sample_idx=3))
    assert [view.shape for view in wide["inputs"]] == [(3, 12, 30)] * 2
    # neither draws nor geometry depend on the views' size
    assert torch.equal(square["data_samples"].overlap_boxes, wide["data_samples"].overlap_boxes)
    assert torch.equal(square["photometric"]["jitter_factors"], wide["photometric"]["jitter_factors"])


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files by Linux's /proc")
def test_a_worker_hands_over_a_batch_by_as_many_open_files_whatever_its_size():
    def opened(size: int) -> int:
        batch = default_collate([sample(index) for index in range(size)])
        before = len(os.listdir("/proc/self/fd"))
        message = ForkingPickler.dumps(batch)  # as a worker does
        assert len(message) > 0
        return len(os.listdir("/proc/self/fd")) - before

    opened(1)  # opens what serves all messages
    assert opened(2) == opened(40) > 0


def test_draws_are_a_function_of_seed_epoch_and_index():
    transform = PairedViews(size=16)

    def views(seed: int, epoch: int, index: int) -> torch.Tensor:
        transform.clock.set(seed, epoch)
        return torch.stack(transform(dict(img=random_image(), sample_idx=index))["inputs"])

    first = views(0, 0, 0)
    assert not torch.equal(first, views(0, 0, 1))
    assert not torch.equal(first, views(0, 1, 0))
    assert not torch.equal(first, views(1, 0, 0))
    assert torch.equal(first, views(0, 0, 0))


def test_probabilities_are_those_of_each_view():
    samples = [sample(index)["photometric"] for index in range(3000)]
    share = {name: torch.stack([s[name] for s in samples]).float() for name in samples[0]}
    assert share["jitter"].mean(dim=0).tolist() == pytest.approx([0.8, 0.8], abs=0.03)
    assert share["gray"].mean(dim=0).tolist() == pytest.approx([0.2, 0.2], abs=0.03)
    assert (share["blur_sigma"] > 0).float().mean(dim=0).tolist() == pytest.approx([1.0, 0.1], abs=0.03)
    assert share["solarize"].mean(dim=0).tolist() == pytest.approx([0.0, 0.2], abs=0.03)
    factors = share["jitter_factors"]
    assert factors.amin(dim=(0, 1)).tolist() == pytest.approx([0.6, 0.6, 0.8, -0.1], abs=0.01)
    assert factors.amax(dim=(0, 1)).tolist() == pytest.approx([1.4, 1.4, 1.2, 0.1], abs=0.01)


def test_orders_of_jitter_are_all_permutations_alike():
    orders = [tuple(sample(index)["photometric"]["jitter_order"][0].tolist()) for index in range(2400)]
    counts = {order: orders.count(order) for order in set(orders)}
    assert len(counts) == 24
    assert min(counts.values()) > 60


def test_changing_a_probability_moves_no_other_draw():
    plain, gray = sample(5), sample(5, gray_prob=1.0)
    assert all(torch.equal(a, b) for a, b in zip(plain["inputs"], gray["inputs"], strict=True))
    assert torch.equal(plain["photometric"]["jitter_factors"], gray["photometric"]["jitter_factors"])


@pytest.mark.parametrize("size", [(24, 24), (12, 30)])
@pytest.mark.parametrize("flip", [False, True])
def test_a_view_is_torchvisions_antialiased_bicubic_crop(flip, size):
    image = random_image(90, 70)
    view = cut_view(image, Crop(5, 7, 61, 33, 0.0), size, flip)
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    expected = tv.resized_crop(tensor.float(), 7, 5, 33, 61, [*size], interpolation=tv.InterpolationMode.BICUBIC)
    expected = tv.horizontal_flip(expected) if flip else expected
    # 8-bit weights round the result by a level
    assert (view.float() - expected.round().clamp(0, 255)).abs().max() <= 1


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(40, 211),
    height=st.integers(40, 211),
    flips=st.tuples(st.booleans(), st.booleans()),
    seed=st.integers(0, 10**6),
    rows=st.integers(3, 9),
    columns=st.integers(3, 9),
)
def test_after_alignment_both_views_agree_on_where_each_pixel_lies(width, height, flips, seed, rows, columns):
    """Images whose values are their coordinates, pooled to a grid as a backbone would, then aligned."""
    rng = np.random.default_rng(seed)
    first = draw_crop(rng, width, height, (0.2, 1.0), (3 / 4, 4 / 3))
    second = draw_overlapping_crop(rng, first, width, height, (0.2, 1.0), (3 / 4, 4 / 3), 0.1)
    boxes = torch.from_numpy(overlap_boxes([first, second], flips)).double()
    if not boxes.any():
        return
    aligned, inner = [], []
    for crop, flip, box in zip((first, second), flips, boxes, strict=True):
        across = (torch.arange(columns, dtype=torch.float64) + 0.5) / columns
        down = (torch.arange(rows, dtype=torch.float64) + 0.5) / rows
        x = crop.left + crop.width * (across.flip(0) if flip else across)
        y = crop.top + crop.height * down
        coordinates = torch.stack([x.expand(rows, columns), y[:, None].expand(rows, columns)])[None]
        aligned.append(align_to_overlap(coordinates, box[None], torch.tensor([flip]))[0])
        # RoIAlign repeats the border's value beyond the outermost cells' centers: no coordinate there
        ones = torch.zeros(1, 1, rows, columns, dtype=torch.float64)
        ones[:, :, 1:-1, 1:-1] = 1
        inner.append(align_to_overlap(ones, box[None], torch.tensor([flip]))[0, 0])
    trusted = (inner[0] > 0.999) & (inner[1] > 0.999)
    if trusted.any():
        assert (aligned[0] - aligned[1]).abs().amax(dim=0)[trusted].max() < 1


def test_a_sample_without_its_position_is_refused():
    with pytest.raises(ValueError, match="sample_idx"):
        PairedViews()(dict(img=random_image()))


def test_an_image_that_is_not_rgb_bytes_is_refused():
    with pytest.raises(ValueError, match=r"uint8, got \(40, 60\)"):
        PairedViews()(dict(img=random_image()[..., 0], sample_idx=0))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (dict(size=0), "size"),
        (dict(size=(96, 0)), "size"),
        (dict(size=(96,)), "size"),
        (dict(size=[96, 96, 3]), "size"),
        (dict(size=96.5), "size"),
        (dict(scale=(0.5, 0.1)), "scale"),
        (dict(scale=(0.0, 1.0)), "scale"),
        (dict(ratio=(0, 1)), "ratio"),
        (dict(blur_prob=(1.5, 0)), "blur_prob"),
        (dict(jitter=(0.4, 0.4, 0.2, 0.7)), "jitter"),
        (dict(min_overlap=2), "min_overlap"),
    ],
)
def test_values_out_of_range_are_refused(arguments, name):
    with pytest.raises(ValueError, match=name):
        PairedViews(**arguments)


def test_masks_are_drawn_for_both_views_and_move_no_other_draw():
    plain, masked = sample(5), sample(5, mask=dict(patch_size=4))
    masks = masked["data_samples"].masks
    assert masks.shape == (2, 4, 4)
    assert masks.dtype == torch.bool
    assert torch.equal(plain["inputs"][1], masked["inputs"][1])
    assert all(torch.equal(plain["photometric"][name], value) for name, value in masked["photometric"].items())
    assert torch.equal(sample(5, mask=dict(patch_size=4))["data_samples"].masks, masks)
    drawn = torch.stack([sample(index, mask=dict(patch_size=4))["data_samples"].masks for index in range(40)])
    assert not torch.equal(drawn[:, 0], drawn[:, 1])
    assert len(drawn.flatten(1).unique(dim=0)) > 30
    assert "masks" not in plain["data_samples"]
