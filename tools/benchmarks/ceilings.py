#!/usr/bin/env python
"""What a GPU reaches at most: a large copy within its memory, and a large matrix product in half precision.

python tools/benchmarks/ceilings.py
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable

import torch
from measure import add_output_argument, machine, machine_line

BYTES = 2**32  # read, and as many written
SIDE = 8192  # of the matrices


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_output_argument(parser)
    args = parser.parse_args()
    source, target = (torch.empty(BYTES, dtype=torch.uint8, device="cuda").random_() for _ in range(2))
    left, right = (torch.randn(SIDE, SIDE, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    found = dict(
        terabytes_per_second=2 * BYTES / seconds_of(lambda: target.copy_(source)) / 1e12,
        teraflops=2 * SIDE**3 / seconds_of(lambda: left @ right) / 1e12,
    )
    print(f"{found['terabytes_per_second']:.2f} TB/s read and written, {found['teraflops']:.0f} TFLOP/s in bf16")
    print(machine_line())
    if args.json:
        args.json.write_text(json.dumps(found | dict(machine=machine()), indent=2) + "\n")


def seconds_of(run: Callable[[], object]) -> float:
    """The median of ten, after three that are not counted."""
    found = []
    for number in range(13):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        torch.cuda.synchronize()
        if number > 2:
            found.append(begin.elapsed_time(end) / 1000)
    return statistics.median(found)


if __name__ == "__main__":
    main()
