#!/usr/bin/env python
"""The losses of a training in fp16 and bf16 beside those in fp32: the same weights, the same batches.

python tools/benchmarks/precision.py data/coco/train2017                     # a GPU: ResNet-50, batch 64, 200 steps
python tools/benchmarks/precision.py FOLDER --batch 8 --depth 18 --size 96 --steps 4
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import torch
from benchmark_images import first_images
from measure import add_output_argument, fill_defaults, machine, machine_line
from mmengine.dataset import default_collate
from mmengine.device import get_device
from torch import Tensor
from training_step import CHANNELS, our_train_step, pinned, set_up

from slotcon_mm.datasets import PairedViews
from slotcon_mm.datasets.transforms.load_image import LoadImage

LOSSES = ("loss_group", "loss_slot")
BATCHES = 8  # made once, and met again and again


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="images")
    parser.add_argument("--precisions", nargs="+", choices=["fp32", "fp16", "bf16"], help="default: fp32 on a CPU")
    parser.add_argument("--batch", type=int, help="images (default: 8 on a CPU, 64 on a GPU)")
    parser.add_argument("--size", type=int, default=224, help="of a view (default: 224)")
    parser.add_argument("--depth", type=int, choices=CHANNELS, default=50, help="of the ResNet (default: 50)")
    parser.add_argument("--prototypes", type=int, default=256, help="default: 256")
    parser.add_argument("--steps", type=int, help="default: 4 on a CPU, 200 on a GPU")
    parser.add_argument(
        "--lr", type=float, default=0.25, help="after a warm-up of a fifth of the steps (default: 0.25)"
    )
    parser.add_argument("--device", default=get_device(), help="default: a GPU if there is one")
    add_output_argument(parser)
    args = parser.parse_args()
    fill_defaults(
        args,
        cpu=dict(batch=8, steps=4, precisions=["fp32"]),
        gpu=dict(batch=64, steps=200, precisions=["fp32", "fp16", "bf16"]),
    )
    return args


def main() -> None:
    args = parse_arguments()
    set_up(args.steps)
    batches = [make_batch(args, first_images(args.folder, 1000), number) for number in range(BATCHES)]
    last = max(1, args.steps // 10)
    print(f"\nResNet-{args.depth}, batch {args.batch}, {args.steps} steps, lr {args.lr}, {args.device}\n")
    print(
        f"| precision | {' | '.join(LOSSES)} at the first step | {' | '.join(LOSSES)}, mean of the last {last} | mean "
        f"distance from {args.precisions[0]} |\n| --- | --- | --- | --- | --- | --- |"
    )
    curves: dict[str, Tensor] = {}
    for precision in args.precisions:
        args.precision = precision
        curve = curves[precision] = train(args, batches)
        ends = (*curve[0], *curve[-last:].mean(dim=0), (curve - curves[args.precisions[0]]).abs().mean())
        print(f"| {precision} | {' | '.join(f'{float(value):.4f}' for value in ends)} |", flush=True)
        if args.json:
            losses = {name: found.tolist() for name, found in curves.items()}
            args.json.write_text(json.dumps(dict(losses=losses, of=LOSSES, machine=machine())) + "\n")
    print("\n" + machine_line())


def train(args: argparse.Namespace, batches: list[Any]) -> Tensor:
    """Both losses of each step."""
    torch.manual_seed(0)
    step = our_train_step(args, lr_at=lambda number: args.lr * min(1.0, (number + 1) / (args.steps / 5)))
    found = []
    for number in range(args.steps):
        scalars = step(batches[number % BATCHES])
        found.append(torch.stack([scalars[name] for name in LOSSES]))
    return torch.stack(found).cpu()


def make_batch(args: argparse.Namespace, paths: list[str], number: int) -> Any:
    """Other crops and draws in each, also of the same images."""
    load, views = LoadImage(), PairedViews(size=args.size)
    places = range(number * args.batch, (number + 1) * args.batch)
    batch = default_collate([views({**load(dict(img_path=paths[i % len(paths)])), "sample_idx": i}) for i in places])
    return pinned(batch) if args.device != "cpu" else batch


if __name__ == "__main__":
    main()
