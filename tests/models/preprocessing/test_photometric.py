"""Batched photometric operations against torchvision's float-tensor functions, image by image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torchvision.transforms.v2 import functional as tv

from slotcon_mm.models.preprocessing import photometric


@pytest.fixture
def images() -> torch.Tensor:
    """Random 8-bit colors, with grays and saturated ones among them."""
    images = torch.randint(0, 256, (4, 3, 20, 26), generator=torch.Generator().manual_seed(0)).float() / 255
    images[1] = images[1, :1]
    images[2, 1:] = 0
    return images


@pytest.mark.parametrize(
    ("ours", "theirs", "values"),
    [
        (photometric.adjust_brightness, tv.adjust_brightness, (0.6, 0.9, 1.0, 1.4)),
        (photometric.adjust_contrast, tv.adjust_contrast, (0.6, 0.9, 1.0, 1.4)),
        (photometric.adjust_saturation, tv.adjust_saturation, (0.0, 0.8, 1.0, 1.2)),
        (photometric.adjust_hue, tv.adjust_hue, (-0.5, -0.1, 0.0, 0.1)),
    ],
)
def test_each_operation_is_torchvisions_with_a_value_for_each_image(images, ours, theirs, values):
    expected = torch.stack([theirs(image, value) for image, value in zip(images, values, strict=True)])
    torch.testing.assert_close(ours(images, torch.tensor(values)), expected, rtol=0, atol=1e-5)


def test_gray_is_torchvisions(images):
    torch.testing.assert_close(photometric.luma(images), tv.rgb_to_grayscale(images))


def test_solarize_inverts_values_of_128_and_above():
    levels = torch.arange(256).float() / 255
    expected = torch.tensor([255 - v if v >= 128 else v for v in range(256)]).float() / 255
    torch.testing.assert_close(photometric.solarize(levels), expected)


def test_jitter_applies_each_images_operations_in_its_own_order(images):
    order = torch.tensor([[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]])
    factors = torch.tensor(
        [[1.3, 0.7, 1.1, 0.08], [0.7, 1.2, 0.9, -0.1], [1.0, 1.4, 0.8, 0.02], [0.6, 0.6, 1.2, -0.05]]
    )
    chosen = torch.tensor([True, True, False, True])
    functions = (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation, tv.adjust_hue)
    expected = images.clone()
    for i in range(4):
        for operation in order[i].tolist() if chosen[i] else ():
            expected[i] = functions[operation](expected[i], float(factors[i, operation]))
    jittered = photometric.jitter(images.clone(), factors, photometric.jitter_rows(order, chosen))
    torch.testing.assert_close(jittered, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(20, 26), (5, 3), (1, 9)])
def test_blur_is_a_gaussian_with_reflected_borders(size):
    images = torch.rand(3, 3, *size)
    sigma = torch.tensor([0.1, 1.0, 2.0])
    blurred = photometric.gaussian_blur(images, sigma, largest_sigma=2.0)
    for image, s, result in zip(images.numpy(), sigma.tolist(), blurred.numpy(), strict=True):
        expected = gaussian_filter(image.astype(np.float64), (0, s, s), mode="mirror", truncate=12)
        np.testing.assert_allclose(result, expected, atol=2e-4)


def test_blur_of_an_image_does_not_depend_on_the_rest_of_its_batch():
    images = torch.rand(2, 3, 16, 16)
    alone = photometric.gaussian_blur(images[:1], torch.tensor([0.7]), largest_sigma=0.7)
    beside = photometric.gaussian_blur(images, torch.tensor([0.7, 2.0]), largest_sigma=2.0)
    # a few units in the last place of fp32: matrix products of other sizes add in another order
    torch.testing.assert_close(beside[:1], alone, rtol=0, atol=1e-6)


def test_every_operation_keeps_values_in_range(images):
    for adjust in photometric.JITTER:
        for value in (-0.5, 0.5, 3.0):
            result = adjust(images, torch.full((4,), value))
            assert 0 <= result.min() <= result.max() <= 1
            assert not math.isnan(float(result.sum()))


def test_rows_that_are_not_named_stay_as_they_are(images):
    changed = images.clone()
    photometric.apply_to_rows(
        changed, torch.tensor([2, 0]), lambda rows, add: rows + add[:, None, None, None], torch.arange(4.0)
    )
    torch.testing.assert_close(changed, images + torch.tensor([0.0, 0, 2, 0])[:, None, None, None])
    assert torch.equal(changed[1], images[1])
