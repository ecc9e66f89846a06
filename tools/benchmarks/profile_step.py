#!/usr/bin/env python
"""Where a training step's time goes on a GPU: kernels by kind and by name, gaps, and what the host does meanwhile.

python tools/benchmarks/profile_step.py                      # ResNet-50, batch 64, fp16
python tools/benchmarks/profile_step.py --variant "two passes" --batch 256
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import defaultdict
from typing import Any

import torch
from measure import add_output_argument, fill_defaults, machine, machine_line
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from training_step import VARIANTS, add_step_arguments, make_batch, our_train_step, set_up

# the first pattern that a kernel's name matches is its kind
KINDS = {
    "copies": r"memcpy|memset|copy_kernel|CatArray|direct_copy",
    "batch normalization": r"batch_?norm|bn_|nhwc.*norm",
    "convolutions and matrix products": r"gemm|conv|cudnn|xmma|cutlass|wgrad|dgrad|fprop|nvjet|splitK|gemv",
    "optimizer, teacher, guard": r"multi_tensor|fused_sgd|lpnorm",
    "pooling": r"pool",
    "sums and norms": r"reduce|softmax|sort|scan",
    "elementwise": r"elementwise|vectorized|index|gather|scatter|roi",
}
WARM_UP = 10


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_step_arguments(parser)
    parser.add_argument("--variant", choices=VARIANTS, default="slotcon_mm", help="default: slotcon_mm")
    parser.add_argument("--steps", type=int, default=5, help="profiled (default: 5)")
    parser.add_argument("--names", type=int, default=40, help="kernels to list (default: 40)")
    add_output_argument(parser)
    args = parser.parse_args()
    fill_defaults(args, cpu=dict(batch=8, precision="fp32"), gpu=dict(batch=64, precision="fp16"))
    return args


def main() -> None:
    args = parse_arguments()
    set_up()
    batch = make_batch(args.batch, args.size, pin=args.device != "cpu")
    step = our_train_step(args, *VARIANTS[args.variant])
    for _ in range(WARM_UP if args.device != "cpu" else 1):
        step(batch)
    synchronize(args)
    begin = time.perf_counter()
    for _ in range(args.steps):
        step(batch)
    handed_over = time.perf_counter() - begin
    synchronize(args)
    whole = time.perf_counter() - begin
    on_device = args.device != "cpu"
    with profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_device else [])]) as profiler:
        for _ in range(args.steps):
            step(batch)
        synchronize(args)
    kernels = kernels_of(profiler, DeviceType.CUDA if on_device else DeviceType.CPU, args.steps)
    busy = sum(milliseconds for milliseconds, _ in kernels.values())
    per_step = 1000 / args.steps
    print(
        f"\n{args.variant}, ResNet-{args.depth}, batch {args.batch}, {args.precision}: a step takes "
        f"{whole * per_step:.1f} ms; the host has launched it after {handed_over * per_step:.1f}. Profiled, kernels "
        f"take {busy:.1f} ms in {sum(calls for _, calls in kernels.values()):.0f} launches.\n"
    )
    print("| kind | ms a step | share | launches |\n| --- | --- | --- | --- |")
    kinds: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for name, (milliseconds, calls) in kernels.items():
        found = kinds[kind_of(name)]
        found[0], found[1] = found[0] + milliseconds, found[1] + calls
    for kind, (milliseconds, calls) in sorted(kinds.items(), key=lambda item: -item[1][0]):
        print(f"| {kind} | {milliseconds:.2f} | {milliseconds / busy:.0%} | {calls:.0f} |")
    print("\n| kernel | ms a step | launches |\n| --- | --- | --- |")
    for name, (milliseconds, calls) in sorted(kernels.items(), key=lambda item: -item[1][0])[: args.names]:
        print(f"| {short(name)} | {milliseconds:.2f} | {calls:.0f} |")
    print("\n" + machine_line())
    if args.json:
        record = dict(
            step_ms=whole * per_step, host_ms=handed_over * per_step, kernel_ms=busy, kinds=kinds, machine=machine()
        )
        args.json.write_text(json.dumps(record, indent=2) + "\n")


def synchronize(args: argparse.Namespace) -> None:
    if args.device != "cpu":
        torch.cuda.synchronize()


def kernels_of(profiler: Any, device: DeviceType, steps: int) -> dict[str, tuple[float, float]]:
    """Milliseconds and launches a step, by a kernel's name (on a CPU: an operation's)."""
    found = {}
    for event in profiler.key_averages():
        if event.device_type == device and "#" not in event.key:  # ranges that torch.optim marks hold other kernels
            microseconds = event.self_device_time_total if device == DeviceType.CUDA else event.self_cpu_time_total
            found[event.key] = (microseconds / 1000 / steps, event.count / steps)
    return found


def kind_of(kernel: str) -> str:
    return next((kind for kind, pattern in KINDS.items() if re.search(pattern, kernel, re.IGNORECASE)), "other")


def short(kernel: str) -> str:
    """Without namespaces and the end of long template arguments."""
    return re.sub(r"(at::native::|void |\(anonymous namespace\)::|c10::)", "", kernel)[:110].replace("|", "/")


if __name__ == "__main__":
    main()
