#!/usr/bin/env python
"""Train: pretraining, mmdet and mmseg configs alike.

python tools/train.py configs/slotcon_r50_coco.py
"""

from __future__ import annotations

import argparse
import sys

import slotcon_mm  # noqa: F401
from slotcon_mm.checks import RunStoppedError
from slotcon_mm.datasets.transforms.load_image import UnreadablePictureError
from slotcon_mm.launch.training import (
    add_common_arguments,
    build_runner,
    check_start,
    lock_for_training,
    prepare_training,
    train,
)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_arguments(parser)
    parser.add_argument(
        "--resume",
        nargs="?",
        const="latest",
        metavar="CKPT|auto",
        help="continue the work dir's newest checkpoint, or CKPT; auto: start afresh where there is none",
    )
    parser.add_argument(
        "--pretrained",
        metavar="CKPT_OR_WORKDIR",
        help="weights to start from at step 0; downstream also scratch or torchvision://resnet50 (supervised)",
    )
    parser.add_argument(
        "--pretrained-source",
        choices=["teacher", "student"],
        help="whose backbone a downstream model takes (default: the teacher's)",
    )
    parser.add_argument("--amp", action="store_true", help="automatic mixed precision")
    parser.add_argument("--auto-scale-lr", action="store_true", help="scale lr with the true batch")
    return parser.parse_args()


def last_paragraph(error: Exception) -> str:
    """The message itself: torch puts a worker's traceback before it."""
    return str(error).strip().splitlines()[-1].partition(f"{type(error).__name__}: ")[2] or str(error)


def main() -> None:
    try:
        start = prepare_training(parse_arguments())
        lock = lock_for_training(start.config)
        runner = build_runner(start.config, start.notes)
        check_start(runner, start.filling)
    except (ValueError, OSError, ImportError, RunStoppedError) as error:
        sys.exit(f"error: {error}")
    try:
        train(runner)
    except (UnreadablePictureError, RunStoppedError) as error:
        sys.exit(f"error: {last_paragraph(error)}")
    finally:
        del lock  # held until here


if __name__ == "__main__":
    main()
