#!/usr/bin/env python
"""Images a second of training with the real loader, beside the same steps on one batch that is there already.

python tools/benchmarks/end_to_end.py data/coco/train2017                # a CPU: ResNet-18, views of 96, batch 16
python tools/benchmarks/end_to_end.py data/coco/train2017 --batch 256    # a GPU: ResNet-50, views of 224

Files are read again and again, from memory after the first time. Each measurement begins with a fresh loader, whose
first batches, which its workers made in advance, are not counted.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from benchmark_images import views_dataset
from measure import add_output_argument, fill_defaults, report
from mmengine.device import get_device
from mmengine.runner import Runner
from plain.views import PlainViews
from torch.utils.data import DataLoader, Dataset, RandomSampler
from training_step import CHANNELS, make_batch, our_train_step, plain_train_step, set_up

from slotcon_mm.datasets.image_lists import list_images

PREFETCH = 2  # batches a worker, torch's default


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="images")
    parser.add_argument("--batch", type=int, help="images (default: 16 on a CPU, 256 on a GPU)")
    parser.add_argument("--size", type=int, help="of a view (default: 96 on a CPU, 224 on a GPU)")
    parser.add_argument("--depth", type=int, choices=CHANNELS, help="of the ResNet (default: 18 on a CPU, 50 on a GPU)")
    parser.add_argument("--workers", type=int, default=usual_workers(), help="default: one a core, at most 16")
    parser.add_argument("--steps", type=int, help="a measurement (default: 6 on a CPU, 30 on a GPU)")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--prototypes", type=int, default=256, help="default: 256")
    parser.add_argument("--precision", choices=["fp32", "fp16", "bf16"], help="default: fp32 on a CPU, fp16 on a GPU")
    parser.add_argument("--device", default=get_device(), help="default: a GPU if there is one")
    add_output_argument(parser)
    args = parser.parse_args()
    fill_defaults(
        args,
        cpu=dict(batch=16, size=96, depth=18, steps=6, precision="fp32"),
        gpu=dict(batch=256, size=224, depth=50, steps=30, precision="fp16"),
    )
    return args


def usual_workers() -> int:
    """The cores that this process may use, which are not always the machine's."""
    return min(16, len(os.sched_getaffinity(0)))


def main() -> None:
    args = parse_arguments()
    set_up()
    batch = make_batch(args.batch, args.size, pin=args.device != "cpu")
    ours, plain = our_train_step(args), plain_train_step(args)
    variants: dict[str, Callable[[], float]] = {
        "plain": lambda: seconds_of(args, plain, plain_loader(args)),
        "slotcon_mm": lambda: seconds_of(args, ours, our_loader(args)),
        "slotcon_mm without a loader": lambda: seconds_of(args, ours, iter(lambda: batch, None)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(args.rounds):
        for name, measure in variants.items():
            seconds[name].append(measure())
    share = sorted(b / a for a, b in zip(seconds["slotcon_mm"], seconds["slotcon_mm without a loader"], strict=True))
    report(
        f"End to end, ResNet-{args.depth}, {args.device}", seconds, items=args.batch * args.steps, unit="images/s",
        base="plain", args=args, notes=[
            f"Batch {args.batch}, views of {args.size} pixels, {args.precision}, {args.workers} workers. With "
            f"the loader {share[len(share) // 2]:.2f} of the rate without.",
        ],
    )  # fmt: skip


def seconds_of(args: argparse.Namespace, step: Callable[[Any], object], batches: Iterator[Any]) -> float:
    for _ in range(PREFETCH * args.workers + 1):
        step(next(batches))
    synchronize(args)
    begin = time.perf_counter()
    for _ in range(args.steps):
        step(next(batches))
    synchronize(args)
    return time.perf_counter() - begin


def synchronize(args: argparse.Namespace) -> None:
    if args.device != "cpu":
        torch.cuda.synchronize()


def our_loader(args: argparse.Namespace) -> Iterator[Any]:
    return iter(
        Runner.build_dataloader(
            dict(
                batch_size=args.batch,
                num_workers=args.workers,
                prefetch_factor=PREFETCH,
                pin_memory=args.device != "cpu",
                sampler=dict(type="InfiniteSampler"),
                collate_fn=dict(type="default_collate"),
                dataset=views_dataset(args.folder, args.size),
            ),
            seed=0,
        )
    )


class PlainImages(Dataset[Any]):
    def __init__(self, folder: str, size: int) -> None:
        self.paths, self.views = list_images(folder), PlainViews(size)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Any:
        views, _ = self.views(self.paths[index])
        # where the views overlap is cheap to compute and not what is measured
        return views, torch.tensor([[0.1, 0.1, 0.8, 0.8]] * 2), torch.tensor([False, True])


def plain_loader(args: argparse.Namespace) -> Iterator[Any]:
    images = PlainImages(args.folder, args.size)
    enough = args.batch * (args.steps + PREFETCH * args.workers + 1)
    sampler = RandomSampler(images, replacement=True, num_samples=enough)
    return iter(
        DataLoader(
            images, args.batch, sampler=sampler, num_workers=args.workers, prefetch_factor=PREFETCH,
            pin_memory=args.device != "cpu",
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
