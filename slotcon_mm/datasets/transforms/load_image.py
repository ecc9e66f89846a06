"""The first step of a pipeline: an image file into an array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmcv.transforms import BaseTransform

from slotcon_mm.datasets.image_files import read_image
from slotcon_mm.datasets.image_samples import expect_known_bit_depth
from slotcon_mm.datasets.white_value import expect_bit_depth
from slotcon_mm.registry import TRANSFORMS

__all__ = ["LoadImage", "check_bit_depth"]


@TRANSFORMS.register_module()
class LoadImage(BaseTransform):
    """Reads ``img_path`` into ``img`` (H, W, 3) uint8 RGB.

    mmcv's LoadImageFromFile differs in the order of channels and in what it says of a file that it cannot read.

    Args:
        exif: Turn the image as its EXIF orientation says. Most label maps are drawn on the pixels as stored: False.
        bit_depth: How many bits of 16-bit images are used, 8 to 16, such as 12 of a camera's; None: 16, after a look
            at some of the dataset's images. Inference reads it from the checkpoint.
    """

    def __init__(self, exif: bool = True, bit_depth: int | None = None) -> None:
        expect_bit_depth(bit_depth)
        self.exif, self.bit_depth = exif, bit_depth

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        return {**results, "img": read_image(results["img_path"], exif=self.exif, bit_depth=self.bit_depth)}


def check_bit_depth(paths: Sequence[str], pipeline: Any) -> None:
    """ValueError if a dataset's 16-bit images seem to use fewer bits and its LoadImage does not say how many."""
    for step in pipeline.transforms:
        if isinstance(step, LoadImage):
            expect_known_bit_depth(
                paths,
                step.bit_depth,
                "Set it in the dataset's pipeline: --cfg-options train_dataloader.dataset.pipeline.0.bit_depth=BITS "
                "(in an evaluation test_dataloader)",
            )
