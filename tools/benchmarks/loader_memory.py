#!/usr/bin/env python
"""Memory that the loader's workers have to themselves, epoch after epoch, with as many file names as COCO has.

python tools/benchmarks/loader_memory.py

Beside a dataset that keeps its names in a Python list (counting references writes to every name's page, and so each
worker ends up with a copy of its own), and beside slotcon_mm's without what its training does against Python's garbage
collector, which writes to every object that it looks at. Linux only.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from many_names import COCO_TRAIN2017, folder_of_names
from measure import add_output_argument, machine, machine_line
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader, Dataset

import slotcon_mm  # noqa: F401
from slotcon_mm.datasets import UnlabeledImageDataset
from slotcon_mm.datasets.image_files import read_image
from slotcon_mm.datasets.image_lists import list_images
from slotcon_mm.launch.machine.worker_memory import objects_shared_with_workers


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, default=COCO_TRAIN2017, help="default: 118,287")
    parser.add_argument("--workers", type=int, default=8, help="default: 8")
    parser.add_argument("--epochs", type=int, default=3, help="default: 3")
    add_output_argument(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    init_default_scope("mmpretrain")
    found: dict[str, list[float]] = {}
    with folder_of_names(args.names, size=8) as folder:
        datasets: dict[str, Callable[[], Dataset[Any]]] = {
            "list of names": lambda: ListedImages(folder),
            "slotcon_mm": lambda: images(folder),
            "slotcon_mm, collected": lambda: images(folder),
        }
        for name, make in datasets.items():
            # as slotcon_mm's training does
            context = objects_shared_with_workers() if name == "slotcon_mm" else nullcontext()
            dataset = make()
            with context:
                found[name] = memory_after_epochs(dataset, args)
    print(f"\nPrivate memory of {args.workers} workers together, {args.names:,} names\n")
    print("| dataset | " + " | ".join(f"epoch {n + 1}, MB" for n in range(args.epochs)) + " |")
    print("| --- |" + " --- |" * args.epochs)
    for name, values in found.items():
        print(f"| {name} | " + " | ".join(f"{value:.0f}" for value in values) + " |")
    print("\n" + machine_line())
    if args.json:
        args.json.write_text(json.dumps(dict(private_memory_mb=found, machine=machine()), indent=2) + "\n")


def images(folder: Path) -> UnlabeledImageDataset:
    views = dict(type="slotcon_mm.PairedViews", size=4)
    return UnlabeledImageDataset(str(folder), pipeline=[dict(type="slotcon_mm.LoadImage"), views])


class ListedImages(Dataset[Any]):
    def __init__(self, folder: Path) -> None:
        self.paths = list_images(folder)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Any:
        return read_image(self.paths[index])


def memory_after_epochs(dataset: Dataset[Any], args: argparse.Namespace) -> list[float]:
    loader = DataLoader(
        dataset, 256, shuffle=True, num_workers=args.workers, persistent_workers=True, collate_fn=len,
        multiprocessing_context="fork",
    )  # fmt: skip
    values = []
    for _ in range(args.epochs):
        for _ in loader:
            pass
        workers = [process.pid for process in multiprocessing.active_children()]
        values.append(sum(private_megabytes(pid) for pid in workers if pid))
    return values


def private_megabytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(float(line.split()[1]) for line in lines if line.startswith("Private")) / 1024


if __name__ == "__main__":
    main()
