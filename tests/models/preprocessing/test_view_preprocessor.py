"""From a collated batch of 8-bit views to normalized floats."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.dataset import default_collate
from scipy.ndimage import gaussian_filter
from torchvision.transforms.v2 import functional as tv

from slotcon_mm.datasets import PairedViews
from slotcon_mm.models import ViewPreprocessor

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def collated(images: int = 6, **kwargs) -> dict:
    transform = PairedViews(size=18, **kwargs)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (40, 50, 3), dtype=np.uint8) for _ in range(images)]
    return default_collate([transform(dict(img=p, sample_idx=i)) for i, p in enumerate(images)])


def finish_one(view: torch.Tensor, draws: dict[str, torch.Tensor]) -> torch.Tensor:
    """One view by torchvision and SciPy, in the method's order."""
    image = view.float() / 255
    functions = (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation, tv.adjust_hue)
    for operation in draws["jitter_order"].tolist() if draws["jitter"] else ():
        image = functions[operation](image, float(draws["jitter_factors"][operation]))
    if draws["gray"]:
        image = tv.rgb_to_grayscale(image, num_output_channels=3)
    if draws["blur_sigma"] > 0:
        sigma = float(draws["blur_sigma"])
        image = torch.from_numpy(gaussian_filter(image.numpy(), (0, sigma, sigma), mode="mirror", truncate=12))
    if draws["solarize"]:
        image = torch.where(image >= 128 / 255, 1 - image, image)
    return tv.normalize(image, MEAN, STD)


@pytest.mark.parametrize("solarize", [0.0, 1.0])
def test_a_batch_is_finished_as_torchvision_finishes_each_view(solarize):
    batch = collated(gray_prob=0.4, blur_prob=(0.7, 0.4), solarize_prob=(0.0, solarize))
    finished = ViewPreprocessor()(batch, training=True)
    for i, views in enumerate(finished["inputs"]):
        for b, view in enumerate(views):
            draws = {name: value[b, i] for name, value in batch["photometric"].items()}
            expected = finish_one(batch["inputs"][i][b], draws)
            close = (view - expected).abs() < 2e-3
            # solarize jumps at its threshold, where a rounding decides
            assert close.float().mean() > (0.995 if draws["solarize"] else 0.999999)
    assert len(finished["data_samples"]) == 6


def test_it_stays_in_fp32_under_autocast():
    batch = collated()
    plain = ViewPreprocessor()(batch)["inputs"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = ViewPreprocessor()(batch)["inputs"]
    assert all(torch.equal(a, b) for a, b in zip(plain, under, strict=True))


@pytest.mark.parametrize("as_list", [True, False])
def test_images_without_draws_are_only_normalized(as_list):
    images = torch.randint(0, 256, (2, 3, 5, 7), dtype=torch.uint8)
    result = ViewPreprocessor()(dict(inputs=list(images) if as_list else images))
    torch.testing.assert_close(result["inputs"], tv.normalize(images.float() / 255, MEAN, STD))
    assert result["data_samples"] is None


def test_views_without_draws_are_only_normalized():
    views = list(torch.randint(0, 256, (2, 3, 3, 5, 7), dtype=torch.uint8))
    for result, view in zip(ViewPreprocessor()(dict(inputs=views))["inputs"], views, strict=True):
        torch.testing.assert_close(result, tv.normalize(view.float() / 255, MEAN, STD))


def test_its_constants_are_not_in_the_state_dict():
    assert not ViewPreprocessor().state_dict()


def test_a_std_of_zero_is_refused():
    with pytest.raises(ValueError, match="positive std"):
        ViewPreprocessor(std=(1, 0, 1))


def test_images_of_different_sizes_stay_a_list_each_normalized_as_alone():
    preprocess = ViewPreprocessor()
    images = [torch.randint(0, 256, (3, *size), dtype=torch.uint8) for size in ((4, 5), (6, 5), (4, 5))]
    found = preprocess(dict(inputs=images))["inputs"]
    for image, normalized in zip(images, found, strict=True):
        assert normalized.equal(preprocess(dict(inputs=image[None]))["inputs"][0])
