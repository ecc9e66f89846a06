#!/usr/bin/env python
"""Images a second of a whole training step, from a batch as the loader hands it over to moved weights (with guard).

python tools/benchmarks/training_step.py                                     # a CPU: batch 8; a GPU: batch 64, fp16
python tools/benchmarks/training_step.py --batch 256 --variants plain slotcon_mm compiled
python tools/benchmarks/training_step.py --list

Each variant has a process of its own and is measured in turns with the first one, so that no more than two are there at
a time. The plain one gets float views (its loader made them so); the others uint8 crops and draws. All batches are
pinned. Peak memory is a GPU's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from measure import Alone, add_output_argument, alternate, fill_defaults, report
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.device import get_device
from mmengine.logging import MessageHub
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import AmpOptimWrapper, OptimWrapper, build_optim_wrapper
from mmengine.registry import init_default_scope
from plain.model import PlainSlotCon
from plain.updates import PlainLARS
from torch import Tensor

import slotcon_mm  # noqa: F401
from slotcon_mm.datasets import PairedViews
from slotcon_mm.engine.hooks.finite_guard_hook import FiniteGuardHook
from slotcon_mm.engine.optimizers.lars import LARS
from slotcon_mm.launch.machine.compile_networks import compile_networks
from slotcon_mm.launch.machine.kept_memory import keep_freed_memory
from slotcon_mm.models.algorithms.grouping_algorithm import GroupingAlgorithm
from slotcon_mm.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
CONFIG = CONFIGS / "slotcon_r50_coco.py"
CHANNELS = {18: 512, 50: 2048}
TOTAL_STEPS = 100_000
LR = dict(lr=0.01, momentum=0.9)

# changes of the COCO config's model, and options of torch.compile
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "slotcon_mm": ({}, None),
    "nchw": (dict(channels_last=False), None),
    "one pass": (dict(views_in_one_pass=True), None),  # the default on a GPU
    "two passes": (dict(views_in_one_pass=False), None),  # the default on a CPU
    "compiled": ({}, {}),
    "compiled, CUDA graphs": ({}, dict(mode="reduce-overhead")),
    "CUDA graphs": ({}, dict(backend="cudagraphs")),  # the same kernels as without them
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_step_arguments(parser)
    parser.add_argument("--variants", nargs="+", metavar="NAME", default=["plain", "slotcon_mm"], help="see --list")
    parser.add_argument("--list", action="store_true", help="name the variants, and stop")
    parser.add_argument("--steps", type=int, help="a round (default: 1 on a CPU, 8 on a GPU, which they keep busy)")
    parser.add_argument("--rounds", type=int, default=20, help="default: 20")
    parser.add_argument("--seconds", type=float, default=90, help="of a pair: begin no round later (default: 90)")
    add_output_argument(parser)
    args = parser.parse_args()
    fill_defaults(args, cpu=dict(batch=8, steps=1, precision="fp32"), gpu=dict(batch=64, steps=8, precision="fp16"))
    unknown = set(args.variants) - {"plain", *VARIANTS}
    if unknown:
        parser.error(f"expected variants of {['plain', *VARIANTS]}, got {sorted(unknown)}")
    return args


def add_step_arguments(parser: argparse.ArgumentParser) -> None:
    """Which step: what ``our_train_step`` and ``make_batch`` need. Batch and precision follow the device."""
    parser.add_argument("--batch", type=int, help="images (default: 8 on a CPU, 64 on a GPU)")
    parser.add_argument("--size", type=int, default=224, help="of a view (default: 224)")
    parser.add_argument("--depth", type=int, choices=CHANNELS, default=50, help="of the ResNet (default: 50)")
    parser.add_argument("--prototypes", type=int, default=256, help="default: 256")
    parser.add_argument("--precision", choices=["fp32", "fp16", "bf16"], help="default: fp32 on a CPU, fp16 on a GPU")
    parser.add_argument("--device", default=get_device(), help="default: a GPU if there is one")


def set_up(steps: int = TOTAL_STEPS) -> None:
    """What a training sets in its process; ``steps`` is its length."""
    init_default_scope("mmpretrain")
    torch.backends.cudnn.benchmark = True
    MessageHub.get_current_instance().update_info("max_iters", steps)


def main() -> None:
    args = parse_arguments()
    if args.list:
        sys.exit("\n".join(["plain", *VARIANTS]))
    base, *others = args.variants
    seconds: dict[str, list[float]] = {base: []}
    paired: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    with Alone(build_step, args, base) as base_step:
        for name in others or [base]:
            steps = {base: base_step}
            with Alone(build_step, args, name) if others else nullcontext() as step:
                if step:
                    steps[name] = step
                print(f"{base} and {name} ..." if others else f"{base} ...", flush=True)
                found = alternate(steps, rounds=args.rounds, seconds=args.seconds)
                if args.device != "cpu":
                    memory |= {variant: run.measured_by(peak_memory) for variant, run in steps.items()}
            seconds[base] += found[base]
            if step:
                seconds[name], paired[name] = found[name], found[base]
            # after each pair, so that what was measured stays where a later one fails; the last table holds all
            print_table(args, seconds, paired, memory)


def print_table(
    args: argparse.Namespace,
    seconds: dict[str, list[float]],
    paired: dict[str, list[float]],
    memory: dict[str, float],
) -> None:
    notes = [
        f"Batch {args.batch}, views of {args.size} pixels, K = {args.prototypes}, {args.precision}, {args.steps} steps "
        "a round."
    ]
    notes += [f"Peak memory of {name}: {value:.2f} GiB more than all weights." for name, value in memory.items()]
    report(
        f"Training step, ResNet-{args.depth}, {args.device}", seconds, items=args.batch * args.steps, unit="images/s",
        base=args.variants[0], args=args, notes=notes, facts=dict(peak_memory_gib=memory), paired=paired,
    )  # fmt: skip


def build_step(args: argparse.Namespace, name: str) -> Callable[[], object]:
    """What a variant does in a round, with one batch, and before that the settings of its process."""
    set_up()
    pin = args.device != "cpu"
    batch: Any = make_batch(args.batch, args.size, pin=pin)
    if name == "plain":
        step, batch = plain_train_step(args), plain_batch(batch, pin=pin)
    else:
        if args.device == "cpu":
            keep_freed_memory()  # as a training does
        step = our_train_step(args, *VARIANTS[name])

    def steps() -> None:
        for _ in range(args.steps):
            step(batch)

    return steps


def make_batch(images: int, size: int, *, pin: bool, mask: dict[str, Any] | None = None) -> dict[str, Any]:
    """As the loader makes one: the crops and draws of random images."""
    views = PairedViews(size=size, mask=mask)
    generator = np.random.default_rng(0)
    samples = [
        views(dict(img=generator.integers(0, 256, (480, 640, 3), dtype=np.uint8), sample_idx=i, img_path=str(i)))
        for i in range(images)
    ]
    batch = default_collate(samples)
    return pinned(batch) if pin else batch


def pinned(batch: Any) -> Any:
    """As a loader's ``pin_memory`` makes it."""
    return torch.utils.data._utils.pin_memory.pin_memory(batch)


def our_train_step(
    args: argparse.Namespace,
    changes: dict[str, Any] | None = None,
    compiled: dict[str, Any] | None = None,
    *,
    distributed: bool = False,
    lr_at: Callable[[int], float] | None = None,
    config: Path = CONFIG,
) -> Callable[[dict[str, Any]], Any]:
    """A step on a batch, which returns its scalars; ``lr_at`` is the learning rate of each step, else it is fixed."""
    model = build_model(args, config, **(changes or {}))
    optimizer = build_optimizer(model, config)
    wrapper = (
        OptimWrapper(optimizer)
        if args.precision == "fp32"
        else AmpOptimWrapper(
            optimizer=optimizer, dtype=dict(fp16="float16", bf16="bfloat16")[args.precision], loss_scale="dynamic"
        )
    )
    if compiled is not None:
        for note in compile_networks(model, compiled):
            print(note)
    called = (
        MMDistributedDataParallel(model, broadcast_buffers=False, gradient_as_bucket_view=True)
        if distributed
        else model
    )
    runner: Any = SimpleNamespace(model=called, optim_wrapper=wrapper, iter=0)
    guard = FiniteGuardHook()  # of a training's hooks the one that touches the device in each step
    guard.before_train(runner)

    def step(batch: dict[str, Any]) -> dict[str, Tensor]:
        if lr_at:
            optimizer.param_groups[0]["lr"] = lr_at(runner.iter)
        guard.before_train_iter(runner, 0)
        scalars = called.train_step(batch, wrapper)
        guard.after_train_iter(runner, 0, batch)
        runner.iter += 1
        return scalars

    return step


def build_model(args: argparse.Namespace, file: Path = CONFIG, **changes: Any) -> GroupingAlgorithm:
    config = Config.fromfile(file).model
    if config.backbone.type == "ResNet":
        config.backbone.depth, config.neck.in_channels = args.depth, CHANNELS[args.depth]
    config.neck.num_prototypes = args.prototypes
    config.update(changes)
    model: GroupingAlgorithm = MODELS.build(config)
    return model.to(args.device).train()


def build_optimizer(model: GroupingAlgorithm, file: Path) -> torch.optim.Optimizer:
    """LARS at one rate for all methods that use it, else the config's."""
    given = Config.fromfile(file).optim_wrapper
    if given.optimizer.type == "slotcon_mm.LARS":
        return LARS([p for p in model.parameters() if p.requires_grad], weight_decay=1e-5, **LR)
    plain = {**given, "type": "OptimWrapper"}
    plain.pop("loss_scale", None)
    return build_optim_wrapper(model, plain).optimizer


def plain_train_step(args: argparse.Namespace) -> Callable[[Any], object]:
    """A step on float views, boxes and flips."""
    model = PlainSlotCon(args.depth, 4096, 256, args.prototypes, TOTAL_STEPS).to(args.device).train()
    optimizer = PlainLARS([p for p in model.parameters() if p.requires_grad], decay=1e-5, trust=0.001, **LR)
    dtype = dict(fp32=None, fp16=torch.float16, bf16=torch.bfloat16)[args.precision]
    scaler = torch.amp.GradScaler(args.device, enabled=dtype == torch.float16)

    def step(batch: tuple[list[Tensor], Tensor, Tensor]) -> None:
        views, boxes, flipped = batch
        on_device = [view.to(args.device, non_blocking=True) for view in views]
        with torch.autocast(args.device, dtype=dtype) if dtype else nullcontext():
            loss = model(
                on_device, boxes.to(args.device, non_blocking=True), flipped.to(args.device, non_blocking=True)
            )
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    return step


def plain_batch(batch: dict[str, Any], *, pin: bool) -> tuple[list[Tensor], Tensor, Tensor]:
    """Float views, boxes and flips of the same batch."""
    views = [(view.float() / 255 - 0.45) / 0.225 for view in batch["inputs"]]
    boxes = torch.stack([torch.as_tensor(sample.overlap_boxes) for sample in batch["data_samples"]])
    flipped = torch.stack([torch.as_tensor(sample.flipped) for sample in batch["data_samples"]])
    return pinned((views, boxes, flipped)) if pin else (views, boxes, flipped)


def peak_memory(step: Callable[[], object]) -> float:
    """GiB that a step takes beyond what lies there before it."""
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    step()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 2**30


if __name__ == "__main__":
    main()
