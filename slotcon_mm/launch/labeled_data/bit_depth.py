"""Labeled images of 16 bits that would be nearly black are found before the first step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from mmcv.transforms import LoadImageFromFile

from slotcon_mm.checks import printable
from slotcon_mm.config_nodes import dicts_within, short_type
from slotcon_mm.datasets.image_files import UnreadableImageError, decode_values, image_bytes
from slotcon_mm.datasets.image_samples import DECODED, DEEP, ending_in, spread, unknown_bit_depth
from slotcon_mm.datasets.transforms.load_labeled_image import LoadLabeledImage
from slotcon_mm.launch.configs import LOADERS
from slotcon_mm.launch.labeled_data.lists import parts_of, steps_of

__all__ = ["expect_visible_images"]

LISTED = 1000  # images whose names are looked at
OWN = "slotcon_mm.LoadLabeledImage"


def expect_visible_images(dataset: Any, config: Mapping[str, Any]) -> None:
    """Looks at some of the images of an mmdet or mmseg dataset.

    mmcv (2.1.0) takes the upper 8 of 16 bits, whichever of them are used and whatever number a PGM says is white.

    Args:
        dataset: Built.
        config: The run's, where the fix is to be made.

    Raises:
        ValueError: 16-bit images use fewer bits, and nothing in the pipeline says how many.
    """
    for part in parts_of(dataset):
        for step in steps_of(part):
            if isinstance(step, LoadLabeledImage):
                reason = unknown_bit_depth(paths_of(part), step.bit_depth)
            elif isinstance(step, LoadImageFromFile) and step.color_type.startswith(("color", "grayscale")):
                reason = nearly_black(paths_of(part))
            else:
                continue
            if reason:
                raise ValueError(f"{reason}: {fix(config)}")


def paths_of(dataset: Any) -> list[str]:
    """Of some of its images, those that may have 16 bits."""
    chosen = spread(range(len(dataset)), LISTED)
    return ending_in(DEEP, [str((dataset.get_data_info(index) or {}).get("img_path")) for index in chosen])


def nearly_black(paths: list[str]) -> str:
    """Why mmcv would make these images dark, if it would; some are read."""
    found = [(highest, path) for path in spread(paths, DECODED) if (highest := highest_of(path))]
    if not found or max(found)[0] >= 2**15:
        return ""
    highest, path = max(found)
    return (
        f"expected labeled 16-bit images to use their 16 bits, got {highest} as the highest value of {len(found)} "
        f"looked at, in {printable(path)}: mmcv's LoadImageFromFile takes the upper 8 bits, {highest >> 8} of 255 here"
    )


def highest_of(path: str) -> int:
    """Value in a file of more than 8 bits; of one that states its white, that; 0 of others."""
    try:
        values, white = decode_values(image_bytes(path), path)
    except UnreadableImageError:  # said by what reads it for good
        return 0
    return 0 if values.dtype == np.uint8 else white or int(values.max())


def fix(config: Mapping[str, Any]) -> str:
    options = [
        option for place in reading_steps(config) for option in (f"{place}.type={OWN}", f"{place}.bit_depth=BITS")
    ]
    return (
        f"write the images with 8 bits, or say how many bits they use, such as 12, by --cfg-options {' '.join(options)}"
    )


def reading_steps(config: Mapping[str, Any]) -> Iterator[str]:
    """Places of the steps that read images, in the config that a user writes."""
    for loader in LOADERS:
        dataset = (config.get(loader) or {}).get("dataset") or {}
        if short_type(dataset) == "SeededDataset":  # put around it when the run starts
            dataset = dataset["dataset"]
        for place, step in dicts_within(dataset, f"{loader}.dataset"):
            if short_type(step) in ("LoadImageFromFile", "LoadLabeledImage"):
                yield place
