#!/usr/bin/env python
"""LARS and the teacher's update of a whole SlotCon model, against a tensor at a time.

python tools/benchmarks/optimizer.py                 # ResNet-50: 69 M parameters of the student, 50 M of the teacher
python tools/benchmarks/optimizer.py --depth 18
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from measure import add_output_argument, alternate, report
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from plain.updates import plain_lars, plain_teacher

import slotcon_mm  # noqa: F401
from slotcon_mm.engine.optimizers.lars import LARS
from slotcon_mm.registry import MODELS

CONFIG = Path(__file__).resolve().parents[2] / "configs/slotcon_r50_coco.py"
CHANNELS = {18: 512, 50: 2048}
NUMBERS = dict(lr=1.0, momentum=0.9)
STEPS = 1000


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depth", type=int, choices=CHANNELS, default=50, help="of the ResNet (default: 50)")
    parser.add_argument("--rounds", type=int, default=30, help="default: 30")
    parser.add_argument("--device", default=get_device(), help="default: a GPU if there is one")
    add_output_argument(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    init_default_scope("mmpretrain")
    config = Config.fromfile(CONFIG).model
    config.backbone.depth, config.neck.in_channels = args.depth, CHANNELS[args.depth]
    model = MODELS.build(config).to(args.device)
    student = [p for p in model.parameters() if p.requires_grad]
    for parameter in student:
        parameter.grad = torch.randn_like(parameter) * 1e-3
    optimizer = LARS(student, weight_decay=1e-5, trust_coefficient=0.001, **NUMBERS)
    momenta = [torch.zeros_like(parameter) for parameter in student]
    followed = [*model.backbone.parameters(), *model.neck.parameters()]
    teacher = [*model.teacher.backbone.parameters(), *model.teacher.neck.parameters()]
    plain_copies = [parameter.detach().clone() for parameter in teacher]
    moves = model.watch.intact

    def plain() -> None:
        plain_lars(student, momenta, decay=1e-5, trust=0.001, **NUMBERS)
        plain_teacher(plain_copies, followed, 0.99)

    def ours() -> None:
        optimizer.step()
        model.teacher.update(model.backbone, model.neck, STEPS, moves)

    variants: dict[str, Callable[[], Any]] = {
        "plain": plain,
        "slotcon_mm": ours,
        "of it LARS": optimizer.step,
        "of it the teacher": lambda: model.teacher.update(model.backbone, model.neck, STEPS, moves),
        "plain LARS": lambda: plain_lars(student, momenta, decay=1e-5, trust=0.001, **NUMBERS),
        "plain teacher": lambda: plain_teacher(plain_copies, followed, 0.99),
    }
    with torch.no_grad():
        seconds = alternate(variants, rounds=args.rounds, seconds=80)
    sizes = [sum(p.numel() for p in params) / 1e6 for params in (student, teacher)]
    report(
        f"Optimizer and teacher, ResNet-{args.depth}, {args.device}", seconds, items=1, unit="updates/s", base="plain",
        args=args, notes=[f"{sizes[0]:.1f} M parameters of the student, {sizes[1]:.1f} M of the teacher."],
    )  # fmt: skip


if __name__ == "__main__":
    main()
