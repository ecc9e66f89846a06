"""Two views of an image: geometry on the CPU in 8 bits, photometric draws to be applied later on the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.transforms import BaseTransform
from mmpretrain.structures import DataSample
from torch import Tensor

from slotcon_mm.checks import expect_share
from slotcon_mm.datasets.sampling.sample_clock import SampleClock
from slotcon_mm.datasets.transforms.block_masks import GridMask
from slotcon_mm.datasets.transforms.view_geometry import Crop, draw_crop, draw_overlapping_crop, overlap_boxes
from slotcon_mm.registry import TRANSFORMS

__all__ = ["PairedViews"]


@TRANSFORMS.register_module()
class PairedViews(BaseTransform):
    """Cuts two overlapping views and draws everything random about them (paper section 4.1).

    Required keys: ``img`` (H, W, 3) uint8 RGB, ``sample_idx`` (set by every MMEngine dataset).

    Result: ``inputs``, two uint8 tensors (3, height, width), cropped, resized (bicubic with antialiasing) and flipped;
    ``photometric``, the draws that ``ViewPreprocessor`` applies to the batch; ``data_samples`` with ``overlap_boxes``
    (2, 4), ``flipped`` (2,) and the image's ``img_path``, and with ``mask`` its ``masks`` (2, h, w) bool. Pairs of
    values are those of view 1 and view 2.

    Args:
        size: Side of a view in pixels, or its (height, width).
        scale: Range of a crop's share of the image's area.
        ratio: Range of a crop's width / height; crops of another ratio than the view's are squeezed into it.
        min_overlap: Least share of the second crop that lies in the first.
        flip_prob: Of a horizontal flip, for each view.
        jitter: Strengths of brightness, contrast, saturation and hue.
        jitter_prob: Of color jitter.
        gray_prob: Of gray values.
        blur_sigma: Range of the blur's standard deviation in pixels of the view.
        blur_prob: Of blur in view 1 and view 2.
        solarize_prob: Of solarization in view 1 and view 2.
        mask: ``dict(patch_size=16, share=(0.1, 0.5))``: patches that a masked student does not see, and the range of
            their share; both views have masks of their own (``draw_block_mask``). None: no masks.
    """

    def __init__(
        self,
        size: int | Sequence[int] = 224,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        min_overlap: float = 0.01,
        flip_prob: float = 0.5,
        jitter: tuple[float, float, float, float] = (0.4, 0.4, 0.2, 0.1),
        jitter_prob: float = 0.8,
        gray_prob: float = 0.2,
        blur_sigma: tuple[float, float] = (0.1, 2.0),
        blur_prob: tuple[float, float] = (1.0, 0.1),
        solarize_prob: tuple[float, float] = (0.0, 0.2),
        mask: dict[str, Any] | None = None,
    ) -> None:
        self.size = height_and_width(size)
        expect_range("scale", scale, 0, 1)
        expect_range("ratio", ratio, 0, float("inf"))
        expect_range("blur_sigma", blur_sigma, 0, float("inf"))
        expect_share(min_overlap=min_overlap, flip_prob=flip_prob, jitter_prob=jitter_prob, gray_prob=gray_prob)
        for view in (0, 1):
            expect_share(**{f"blur_prob[{view}]": blur_prob[view], f"solarize_prob[{view}]": solarize_prob[view]})
        if len(jitter) != 4 or min(jitter) < 0 or max(jitter[:3]) > 1 or jitter[3] > 0.5:
            raise ValueError(f"expected four jitter strengths, three in [0, 1] and hue's in [0, 0.5], got {jitter}")
        self.scale, self.ratio, self.min_overlap = scale, ratio, min_overlap
        self.flip_prob = flip_prob
        self.jitter, self.jitter_prob = jitter, jitter_prob
        self.gray_prob = gray_prob
        self.blur_sigma, self.blur_prob = blur_sigma, blur_prob
        self.solarize_prob = solarize_prob
        self.mask = None if mask is None else GridMask(self.size, **mask)
        self.clock = SampleClock()

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        if "sample_idx" not in results:
            raise ValueError(
                "expected the image's position in the dataset under 'sample_idx' (MMEngine's datasets put it "
                f"there): its draws depend on it; got the keys {sorted(results)}"
            )
        image = results["img"]
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"expected an RGB image (H, W, 3) of uint8, got {image.shape} of {image.dtype}")
        rng = self.clock.generator(int(results["sample_idx"]))
        crops, flipped = self._draw_geometry(rng, image.shape[1], image.shape[0])
        photometric = [self._draw_photometric(rng, view) for view in (0, 1)]
        sample = DataSample(metainfo=dict(img_path=results.get("img_path", "")))
        sample.set_field(torch.from_numpy(overlap_boxes(crops, flipped)), "overlap_boxes")
        sample.set_field(torch.tensor(flipped), "flipped")
        if self.mask is not None:  # the last draws, so that without masks all others are the same
            sample.set_field(torch.from_numpy(np.stack([self.mask.draw(rng) for _ in crops])), "masks")
        return dict(
            inputs=[cut_view(image, crop, self.size, flip) for crop, flip in zip(crops, flipped, strict=True)],
            photometric={
                name: torch.from_numpy(np.stack([draws[name] for draws in photometric])) for name in photometric[0]
            },
            data_samples=sample,
        )

    def _draw_geometry(self, rng: np.random.Generator, width: int, height: int) -> tuple[list[Crop], list[bool]]:
        first = draw_crop(rng, width, height, self.scale, self.ratio)
        second = draw_overlapping_crop(rng, first, width, height, self.scale, self.ratio, self.min_overlap)
        return [first, second], [bool(flip) for flip in rng.random(2) < self.flip_prob]

    def _draw_photometric(self, rng: np.random.Generator, view: int) -> dict[str, Any]:
        """Every draw is made whether used or not, so that changing a probability moves no other draw."""
        strengths = np.array(self.jitter)
        middle = np.array([1.0, 1.0, 1.0, 0.0])
        chosen = rng.random(4)
        factors = rng.uniform(middle - strengths, middle + strengths)
        order = rng.permutation(4)
        sigma = rng.uniform(*self.blur_sigma)
        return dict(
            jitter=chosen[0] < self.jitter_prob,
            jitter_factors=factors.astype(np.float32),
            jitter_order=order,
            gray=chosen[1] < self.gray_prob,
            # a standard deviation of 0 says: no blur
            blur_sigma=np.float32(sigma if chosen[2] < self.blur_prob[view] else 0.0),
            solarize=chosen[3] < self.solarize_prob[view],
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, scale={self.scale}, ratio={self.ratio})"


def height_and_width(size: int | Sequence[int]) -> tuple[int, int]:
    """ValueError unless ``size`` is a number of pixels or a pair of them."""
    pair = tuple(size) if isinstance(size, Sequence) else (size, size)
    if len(pair) != 2 or not all(isinstance(side, int) and side > 0 for side in pair):
        raise ValueError(f"expected size as pixels above 0, a number or (height, width), got {size}")
    return pair


def cut_view(image_HW3: np.ndarray, crop: Crop, size: tuple[int, int], flip: bool) -> Tensor:
    """Crop, resize to (3, *size) in 8 bits by torch's bicubic with antialiasing, and flip."""
    region = image_HW3[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    # (1, 3, h, w) in channels-last memory, which torch's 8-bit kernel takes as it is
    pixels = torch.from_numpy(np.ascontiguousarray(region)).permute(2, 0, 1)[None]
    view = F.interpolate(pixels, size=size, mode="bicubic", antialias=True, align_corners=False)[0]
    return (view.flip(-1) if flip else view).contiguous()


def expect_range(name: str, bounds: Sequence[float], low: float, high: float) -> None:
    if len(bounds) != 2 or not low < bounds[0] <= bounds[1] <= high:
        raise ValueError(f"expected {name} as (low, high) with {low} < low <= high <= {high}, got {tuple(bounds)}")
