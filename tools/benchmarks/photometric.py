#!/usr/bin/env python
"""How far the views are from those of the published recipe's PIL and torchvision, given the same draws, and how fast.

python tools/benchmarks/photometric.py data/coco/train2017

Differences are in levels of 0-255, over all values: of each operation by itself, and of all that a view goes through.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from benchmark_images import first_images, views_dataset
from measure import add_output_argument, alternate, report
from mmengine.dataset import default_collate
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor
from torchvision.transforms import functional as tf

import slotcon_mm  # noqa: F401
from slotcon_mm.datasets.image_files import read_image
from slotcon_mm.datasets.transforms.paired_views import cut_view
from slotcon_mm.datasets.transforms.view_geometry import Crop
from slotcon_mm.models import ViewPreprocessor
from slotcon_mm.models.preprocessing import photometric
from slotcon_mm.registry import DATASETS

JITTER = (tf.adjust_brightness, tf.adjust_contrast, tf.adjust_saturation, tf.adjust_hue)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="images")
    parser.add_argument("--images", type=int, default=64, help="default: 64")
    parser.add_argument("--rounds", type=int, default=10, help="default: 10")
    parser.add_argument("--size", type=int, default=224, help="of a view (default: 224)")
    parser.add_argument("--device", default=get_device(), help="default: a GPU if there is one")
    add_output_argument(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    init_default_scope("mmpretrain")
    paths = first_images(args.folder, args.images)
    images = DATASETS.build({**views_dataset(args.folder, args.size), "indices": len(paths)})
    batch: Any = default_collate([images[i] for i in range(len(images))])
    finish = ViewPreprocessor(mean=(0, 0, 0), std=(255, 255, 255)).to(args.device)

    differences = {"crop and resize": resize_difference(paths, args.size)}
    for name, (ours, theirs) in operations().items():
        views = batch["inputs"][0]
        mine = ours(views.to(args.device) / 255).cpu()
        differences[name] = difference(mine, torch.stack([to_unit(theirs(view)) for view in map(to_pil, views)]))
    for i in (0, 1):
        draws = select_view(batch["photometric"], i)
        plain = torch.stack(
            [to_unit(pil_view(view, at(draws, b))) for b, view in enumerate(map(to_pil, batch["inputs"][i]))]
        )
        differences[f"view {i + 1}, all operations"] = difference(finish(batch)["inputs"][i].cpu(), plain)

    seconds = alternate(
        {
            "plain": lambda: [
                pil_view(to_pil(view), at(select_view(batch["photometric"], i), b))
                for i in (0, 1)
                for b, view in enumerate(batch["inputs"][i])
            ],
            "slotcon_mm": lambda: finish(batch),
        },
        rounds=args.rounds,
        seconds=60,
    )
    table = "\n".join(
        ["| against PIL and torchvision | mean | 99 % below | largest |", "| --- | --- | --- | --- |"]
        + [f"| {name} | {mean:.2f} | {p99:.1f} | {most:.0f} |" for name, (mean, p99, most) in differences.items()]
    )
    report(
        f"Photometric operations, {args.device}", seconds, items=len(paths), unit="images/s", base="plain", args=args,
        notes=[f"{len(paths)} images, views of {args.size} pixels.", table],
    )  # fmt: skip


def operations() -> Mapping[str, tuple[Callable[[Tensor], Tensor], Callable[[Image.Image], Image.Image]]]:
    """Ours on batches of floats, and PIL's, with one value each."""

    def filled(operation: Callable[[Tensor, Tensor], Tensor], value: float) -> Callable[[Tensor], Tensor]:
        return lambda images: operation(images, images.new_full((len(images),), value))

    return {
        "brightness 1.3": (filled(photometric.adjust_brightness, 1.3), lambda p: tf.adjust_brightness(p, 1.3)),
        "contrast 1.3": (filled(photometric.adjust_contrast, 1.3), lambda p: tf.adjust_contrast(p, 1.3)),
        "saturation 1.2": (filled(photometric.adjust_saturation, 1.2), lambda p: tf.adjust_saturation(p, 1.2)),
        "hue 0.1": (filled(photometric.adjust_hue, 0.1), lambda p: tf.adjust_hue(p, 0.1)),
        "gray": (lambda x: photometric.luma(x).expand_as(x), lambda p: tf.rgb_to_grayscale(p, 3)),
        "blur, sigma 0.5": (gaussian(0.5), lambda p: p.filter(ImageFilter.GaussianBlur(0.5))),
        "blur, sigma 2": (gaussian(2.0), lambda p: p.filter(ImageFilter.GaussianBlur(2.0))),
        "solarize": (photometric.solarize, lambda p: ImageOps.solarize(p, 128)),
    }


def gaussian(sigma: float) -> Callable[[Tensor], Tensor]:
    return lambda x: photometric.gaussian_blur(x, x.new_full((len(x),), sigma), largest_sigma=sigma)


def pil_view(view: Image.Image, draws: Mapping[str, Any]) -> Image.Image:
    """The operations of a view in the paper's order, with the draws that ours got."""
    if draws["jitter"]:
        for operation in draws["jitter_order"].tolist():
            view = JITTER[operation](view, float(draws["jitter_factors"][operation]))
    if draws["gray"]:
        view = tf.rgb_to_grayscale(view, 3)
    if draws["blur_sigma"] > 0:
        view = view.filter(ImageFilter.GaussianBlur(float(draws["blur_sigma"])))
    return ImageOps.solarize(view, 128) if draws["solarize"] else view


def resize_difference(paths: list[str], size: int) -> tuple[float, float, float]:
    """Of crops of half the width and height, from the middle."""
    ours, plain = [], []
    for path in paths:
        image = read_image(path)
        height, width = (length // 2 for length in image.shape[:2])
        top, left = height // 2, width // 2
        ours.append(cut_view(image, Crop(left, top, width, height, width * height), (size, size), flip=False))
        region = Image.fromarray(image).crop((left, top, left + width, top + height))
        plain.append(to_unit(region.resize((size, size), Image.Resampling.BICUBIC)))
    return difference(torch.stack(ours) / 255, torch.stack(plain))


def at(draws: Mapping[str, Tensor], index: int) -> dict[str, Tensor]:
    return {name: values[index] for name, values in draws.items()}


def to_pil(view: Tensor) -> Image.Image:
    return Image.fromarray(view.permute(1, 2, 0).numpy())


def to_unit(view: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(view)).permute(2, 0, 1) / 255


def difference(ours: Tensor, theirs: Tensor) -> tuple[float, float, float]:
    """Mean, 99th percentile and maximum of the absolute difference, in levels."""
    values = np.abs((ours - theirs).numpy()) * 255
    return float(values.mean()), float(np.percentile(values, 99)), float(values.max())


def select_view(photometric: dict[str, Tensor], view: int) -> dict[str, Tensor]:
    """One view's draws (B, ...) of those of both (B, 2, ...)."""
    return {name: values[:, view] for name, values in photometric.items()}


if __name__ == "__main__":
    main()
