"""The data preprocessor: photometric augmentation and normalization of whole batches on the model's device."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from slotcon_mm.models.preprocessing.photometric import (
    apply_to_rows,
    gaussian_blur,
    jitter,
    jitter_rows,
    luma,
    rows_of,
    solarize,
)
from slotcon_mm.registry import MODELS

__all__ = ["ViewPreprocessor"]


@MODELS.register_module()
class ViewPreprocessor(BaseDataPreprocessor):
    """Finishes the views that ``PairedViews`` cut: jitter, gray, blur, solarize, normalize, in this order.

    Every draw was made by ``PairedViews`` and travels with the sample; nothing random happens here. It runs in fp32
    also under autocast.

    Args:
        mean: Of RGB, in 0-255.
        std: Of RGB, in 0-255.
        non_blocking: Whether copies to the device do not wait (they need pinned memory to gain from it).
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        std: Sequence[float] = (58.395, 57.12, 57.375),
        non_blocking: bool = True,
    ) -> None:
        super().__init__(non_blocking=non_blocking)
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(f"expected a mean and a positive std for each of R, G, B, got {mean} and {std}")
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(3, 1, 1) / 255, persistent=False)
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(3, 1, 1) / 255, persistent=False)

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Views (a list of uint8 (B, 3, H, W), with ``photometric`` draws) or images (B, 3, H, W), or a list of B
        (3, H, W), RGB in 0-255, to normalized floats. Views without draws are only normalized; images of different
        sizes stay a list."""
        inputs = data["inputs"]
        with torch.autocast(self.mean.device.type, enabled=False):
            if "photometric" in data:
                finished: Any = list(self._finish(inputs, data["photometric"]).chunk(len(inputs)))
            elif isinstance(inputs, list | tuple) and inputs[0].dim() == 4:
                finished = [self._normalize(self._to_unit_range(view)) for view in inputs]
            else:
                finished = self._finish_images(inputs)
        return dict(inputs=finished, data_samples=data.get("data_samples"))

    def _finish_images(self, inputs: Any) -> Any:
        if isinstance(inputs, list | tuple):
            if len({image.shape for image in inputs}) > 1:
                return [self._normalize(self._to_unit_range(image)) for image in inputs]
            inputs = torch.stack(list(inputs))
        return self._normalize(self._to_unit_range(inputs))

    def _to_unit_range(self, images: Tensor) -> Tensor:
        return images.to(self.mean.device, non_blocking=self._non_blocking).to(self.mean.dtype) / 255

    def _normalize(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.std

    def _finish(self, views: Sequence[Tensor], photometric: dict[str, Tensor]) -> Tensor:
        """All views as one batch, the first one first: half the launches of one after the other."""
        moved = [view.to(self.mean.device, non_blocking=self._non_blocking) for view in views]
        images = self._to_unit_range(torch.cat(moved))
        draws = {name: view_after_view(values) for name, values in photometric.items()}
        sigma = draws["blur_sigma"]
        chosen = [draws["gray"], sigma > 0, draws["solarize"]]
        plan = [*jitter_rows(draws["jitter_order"], draws["jitter"]), *(rows_of(images_B) for images_B in chosen)]
        *jittered, gray, blurred, solarized = self._move_packed(plan)
        factors_B4, sigma_B = (
            view_after_view(photometric[name].to(images, non_blocking=self._non_blocking))
            for name in ("jitter_factors", "blur_sigma")
        )
        jitter(images, factors_B4, jittered)
        apply_to_rows(images, gray, lambda rows: luma(rows).expand_as(rows))
        if len(blurred):
            blur = partial(gaussian_blur, largest_sigma=float(sigma.max()))
            apply_to_rows(images, blurred, blur, sigma_B)
        apply_to_rows(images, solarized, solarize)
        return self._normalize(images)

    def _move_packed(self, rows: list[Tensor]) -> Sequence[Tensor]:
        """Lists of indices on the device, by one copy."""
        packed = torch.cat(rows)
        if self.mean.is_cuda and self._non_blocking:
            packed = packed.pin_memory()
        return packed.to(self.mean.device, non_blocking=self._non_blocking).split([len(part) for part in rows])


def view_after_view(values: Tensor) -> Tensor:
    """Draws (B, views, ...) as (views * B, ...), all of the first view first."""
    return values.transpose(0, 1).flatten(0, 1)
