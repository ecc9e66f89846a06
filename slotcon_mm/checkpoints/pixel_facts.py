"""How a config's images enter the network: mean and std on the scale 0 to 255, and the order of channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from mmengine.registry import TRANSFORMS
from torch import Tensor

from slotcon_mm.checkpoints.registered import build_registered
from slotcon_mm.config_nodes import dicts_within, short_type

__all__ = ["IMAGENET", "read_pixels"]

IMAGENET: dict[str, Any] = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], channels="RGB")
SIDE = 32
# slotcon_mm's, and mmcv's with its heirs. Their bit_depth is no fact of the network: it tells of files what is white in
# them, which all make 255
READERS = {"LoadImage": "RGB", "LoadLabeledImage": "BGR", "LoadImageFromFile": "BGR"}
DEFAULTS = {"slotcon_mm": "slotcon_mm.ViewPreprocessor"}  # of a model's package
USUAL_DEFAULT = "mmpretrain.SelfSupDataPreprocessor"


def read_pixels(config: Mapping[str, Any], scope: str) -> dict[str, Any]:
    """What the config's preprocessor makes of black and of each pure color, and so what it does to any pixel.

    A channel of the network sees (value - mean) / std, values in 0 to 255.

    Returns:
        ``mean`` and ``std``, for each channel of the network; ``channels``, RGB or BGR; None where the pipeline does
        not tell in which order files are read.
    """
    given = config["model"].get("data_preprocessor") or config.get("data_preprocessor") or {}
    package = str(config["model"].get("type")).rpartition(".")[0]
    preprocessor = build_registered({"type": DEFAULTS.get(package, USUAL_DEFAULT), **given}, scope)
    steps = [*pipeline_steps(config)]
    probes = [dict(img=image) for image in pure_colors()]
    for step in steps:
        if short_type(step) == "Normalize" and "mean" in step:
            transform = build_registered(step, scope, TRANSFORMS)
            probes = [transform(probe) for probe in probes]
    batch = torch.stack([torch.from_numpy(np.ascontiguousarray(probe["img"])).permute(2, 0, 1) for probe in probes])
    seen = preprocessor(dict(inputs=batch, data_samples=None))["inputs"][:, :, 0, 0].double()
    black, rise = seen[0], seen[1:] - seen[0]  # rise: (channel of the file, channel of the network)
    source = rise.abs().argmax(dim=0)
    std = 255 / rise.abs().amax(dim=0)
    order = file_order(steps, package)
    return dict(
        mean=rounded(-black * std),
        std=rounded(std),
        channels="".join(order[channel] for channel in source.tolist()) if order else None,
    )


def pure_colors() -> list[np.ndarray]:
    """Black, and 255 in one channel after the other."""
    images = np.zeros((4, SIDE, SIDE, 3), np.uint8)
    for channel in range(3):
        images[channel + 1, ..., channel] = 255
    return [*images]


def file_order(steps: list[Mapping[str, Any]], package: str) -> str | None:
    """Of the channels that the first reader of the pipeline yields; None where other libraries turn them."""
    names = [short_type(step) for step in steps]
    if any("PIL" in name for name in names):
        return None
    return next((READERS[name] for name in names if name in READERS), "RGB" if package in DEFAULTS else "BGR")


def pipeline_steps(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Of the training images, or else of the tested ones."""
    loader = config.get("train_dataloader") or config.get("test_dataloader") or {}
    return (node for _, node in dicts_within(loader.get("dataset")) if "type" in node)


def rounded(values: Tensor) -> list[float]:
    """To what float32 holds of a mean or std."""
    return [float(f"{value:.6g}") for value in values.tolist()]
