#!/usr/bin/env python
"""Images a second that one loader process makes ready, against the published recipe by PIL and torchvision.

python tools/benchmarks/input_pipeline.py data/coco/train2017

Same files, one process, one thread, in turns. "decode only" is the bound of everything that decodes on the CPU.
"""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Callable

import cv2
import torch
from benchmark_images import first_images, views_dataset
from measure import add_output_argument, alternate, report
from mmengine.registry import init_default_scope
from plain.views import PlainViews

import slotcon_mm  # noqa: F401
from slotcon_mm.datasets.image_files import read_image
from slotcon_mm.registry import DATASETS


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="images")
    parser.add_argument("--images", type=int, default=64, help="a round (default: 64)")
    parser.add_argument("--rounds", type=int, default=20, help="default: 20")
    parser.add_argument("--size", type=int, default=224, help="of a view (default: 224)")
    add_output_argument(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    init_default_scope("mmpretrain")
    paths = first_images(args.folder, args.images)
    ours = DATASETS.build({**views_dataset(args.folder, args.size), "indices": len(paths)})
    plain = PlainViews(args.size)
    epochs = itertools.count()

    def whole() -> None:
        ours.pipeline.transforms[1].clock.set(0, next(epochs))
        for index in range(len(ours)):
            ours[index]

    variants: dict[str, Callable[[], object]] = {
        "plain": lambda: [plain(path) for path in paths],
        "slotcon_mm": whole,
        "decode only": lambda: [read_image(path) for path in paths],
    }
    seconds = alternate(variants, rounds=args.rounds, seconds=100)
    megapixels = sum(read_image(path)[..., 0].size for path in paths) / len(paths) / 1e6
    kilobytes = sum(os.path.getsize(path) for path in paths) / len(paths) / 1e3
    share = [decode / mine for decode, mine in zip(seconds["decode only"], seconds["slotcon_mm"], strict=True)]
    notes = [
        f"{len(paths)} images of {megapixels:.3f} megapixels and {kilobytes:.0f} kB on average, views of {args.size} "
        f"pixels. Share of the decode-only rate: {sorted(share)[len(share) // 2]:.2f}.",
    ]
    report(
        "Input pipeline, one process",
        seconds,
        items=len(paths),
        unit="images/s",
        base="plain",
        args=args,
        notes=notes,
    )


if __name__ == "__main__":
    main()
