"""Random crops of labeled images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from labeled_worlds import COLORS, Worlds, bands, speckled
from torch.utils.data import DataLoader

from slotcon_mm.evaluation.frozen.augmented import Augmented


def test_the_images_of_epoch_0_are_as_they_are_and_later_ones_have_their_size():
    images = speckled(4)
    for epoch in (0, 1):
        found = Augmented(images, epoch)
        assert len(found) == 4
        for i in range(4):
            assert found[i]["img"].shape == images[i]["img"].shape
            assert found[i]["gt_sem_seg"].shape == images[i]["gt_sem_seg"].shape
            assert np.array_equal(found[i]["gt_sem_seg"], images[i]["gt_sem_seg"]) == (epoch == 0)


def test_labels_follow_the_image():
    for epoch in range(1, 6):
        for i, sample in enumerate(Augmented(bands(5), epoch)[i] for i in range(5)):
            colors, labels = sample["img"].astype(int), sample["gt_sem_seg"]
            nearest = np.square(colors[:, :, None] - COLORS.astype(int)).sum(axis=3).argmin(axis=2)
            inside = np.ones(labels.shape, bool)  # between two bands colors are mixed
            inside[:, 1:-1] = (labels[:, :-2] == labels[:, 1:-1]) & (labels[:, 2:] == labels[:, 1:-1])
            assert np.array_equal(nearest[inside], labels[inside]), (epoch, i)


def ramp() -> Worlds:
    """The position of each pixel in it."""
    y, x = np.mgrid[0:48, 0:64].astype(np.uint8)
    return Worlds([{"img": np.stack([4 * x, 4 * y, x], axis=2), "gt_sem_seg": x}] * 200)


def test_crops_have_a_quarter_to_all_of_the_area_and_half_of_them_are_mirrored():
    shares, mirrored = [], 0
    for sample in (Augmented(ramp(), 1)[i] for i in range(200)):
        x = sample["gt_sem_seg"].astype(int)
        y = sample["img"][..., 1].astype(int) // 4
        shares.append((abs(x[0, -1] - x[0, 0]) + 1) * (y[-1, 0] - y[0, 0] + 1) / (48 * 64))
        mirrored += int(x[0, 0] > x[0, -1])
    assert 0.2 < min(shares) < 0.35
    assert 0.85 < max(shares) <= 1.05
    assert 0.5 < np.mean(shares) < 0.65  # large ones of the wrong shape do not fit, and are drawn again
    assert 70 < mirrored < 130


def test_draws_leave_the_random_numbers_of_gpus_alone(monkeypatch):
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("the GPUs were seeded"))
    Augmented(bands(1), 1)[0]


def test_draws_are_those_of_epoch_and_index_whatever_the_worker_and_leave_the_processs_own_alone():
    state = torch.get_rng_state()
    alone = [Augmented(speckled(6), 2)[i] for i in (5, 4, 3, 2, 1, 0)][::-1]
    assert torch.get_rng_state().equal(state)
    loader = DataLoader(Augmented(speckled(6), 2), 2, num_workers=2, collate_fn=list)
    others = [sample for batch in loader for sample in batch]
    for a, b in zip(alone, others, strict=True):
        assert np.array_equal(a["img"], b["img"])
        assert np.array_equal(a["gt_sem_seg"], b["gt_sem_seg"])
    other_epoch = Augmented(speckled(6), 3)
    assert not any(np.array_equal(other_epoch[i]["gt_sem_seg"], alone[i]["gt_sem_seg"]) for i in range(6))
