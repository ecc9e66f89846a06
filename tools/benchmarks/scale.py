#!/usr/bin/env python
"""Seconds of a training step against the number of prototypes, the batch, the size of a view, and processes.

python tools/benchmarks/scale.py                        # a CPU: ResNet-18; a GPU: ResNet-50
python tools/benchmarks/scale.py --of prototypes

One of them changes, the others keep their defaults. Processes split the same whole batch, and the cores.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import time
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.multiprocessing as mp
from measure import add_output_argument, alternate, fill_defaults, machine, machine_line
from mmengine.device import get_device
from training_step import CHANNELS, make_batch, our_train_step, set_up

VALUES: dict[str, dict[str, list[int]]] = {
    "cpu": dict(prototypes=[64, 256, 1024, 4096], batch=[8, 16, 32], size=[96, 160, 224], processes=[1, 2]),
    "cuda": dict(prototypes=[64, 256, 1024, 2048, 4096], batch=[32, 64, 128, 256], size=[160, 224, 320], processes=[1]),
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "cpu": dict(prototypes=256, batch=16, size=160, depth=18, precision="fp32"),
    "cuda": dict(prototypes=256, batch=64, size=224, depth=50, precision="fp16"),
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", nargs="+", choices=VALUES["cpu"], default=list(VALUES["cpu"]), help="default: all")
    parser.add_argument("--depth", type=int, choices=CHANNELS, help="of the ResNet (default: 18 on a CPU, 50 on a GPU)")
    parser.add_argument("--rounds", type=int, default=4, help="default: 4")
    parser.add_argument("--device", default=get_device(), help="default: a GPU if there is one")
    add_output_argument(parser)
    args = parser.parse_args()
    fill_defaults(args, cpu=DEFAULTS["cpu"], gpu=DEFAULTS["cuda"])
    return args


def main() -> None:
    args = parse_arguments()
    set_up()
    found: dict[str, dict[int, float]] = {}
    print(
        f"\nSeconds of a step, ResNet-{args.depth}, {args.device}, {args.precision}; where nothing else is said: "
        f"{args.prototypes} prototypes, batch {args.batch}, views of {args.size} pixels"
    )
    for of in args.of:
        values = VALUES["cpu" if args.device == "cpu" else "cuda"][of]
        found[of] = of_processes(args, values) if of == "processes" else of_steps(args, of, values)
        print(f"\n| {of} | " + " | ".join(map(str, values)) + " |\n| --- |" + " --- |" * len(values))
        print("| seconds | " + " | ".join(f"{found[of][value]:.3f}" for value in values) + " |")
    print("\n" + machine_line())
    if args.json:
        args.json.write_text(json.dumps(dict(seconds=found, machine=machine()), indent=2) + "\n")


def of_steps(args: argparse.Namespace, of: str, values: list[int]) -> dict[int, float]:
    steps = {}
    for value in values:
        given = copy.copy(args)
        setattr(given, of, value)
        batch = make_batch(given.batch, given.size, pin=args.device != "cpu")
        steps[str(value)] = partial(our_train_step(given), batch)
    seconds = alternate(steps, rounds=args.rounds)
    return {int(value): statistics.median(times) for value, times in seconds.items()}


def of_processes(args: argparse.Namespace, values: list[int]) -> dict[int, float]:
    found = {}
    for value in values:
        with TemporaryDirectory() as folder:
            mp.spawn(on_one_process, nprocs=value, args=(value, folder, args))
            with open(os.path.join(folder, "seconds")) as file:
                found[value] = statistics.median(map(float, file))
    return found


def on_one_process(rank: int, processes: int, folder: str, args: argparse.Namespace) -> None:
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // processes))
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(processes))
    torch.distributed.init_process_group(
        "gloo" if args.device == "cpu" else "nccl",
        init_method=f"file://{folder}/store",
        rank=rank,
        world_size=processes,
    )
    set_up()
    args.batch //= processes
    step, batch = our_train_step(args, distributed=True), make_batch(args.batch, args.size, pin=False)
    seconds = []
    for _ in range(args.rounds + 1):
        torch.distributed.barrier()
        begin = time.perf_counter()
        step(batch)
        if args.device != "cpu":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begin)
    if rank == 0:
        with open(os.path.join(folder, "seconds"), "w") as file:
            file.writelines(f"{value}\n" for value in seconds[1:])
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
