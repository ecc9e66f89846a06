#!/usr/bin/env python
"""Score a checkpoint or a work dir: MMDetection, MMSegmentation and unsupervised-segmentation configs.

python tools/test.py CONFIG work_dirs/RUN
"""

from __future__ import annotations

import argparse
import sys

import slotcon_mm  # noqa: F401
from slotcon_mm.checkpoints.latest import resolve_checkpoint
from slotcon_mm.datasets.image_files import UnreadableImageError
from slotcon_mm.datasets.label_files import BadLabelMapError
from slotcon_mm.launch.arguments import add_common_arguments
from slotcon_mm.launch.auto_config import keep_prototypes
from slotcon_mm.launch.configs import prepare
from slotcon_mm.launch.console import hosts_kept_quiet, last_paragraph
from slotcon_mm.launch.machine.launchers import leave_processes
from slotcon_mm.launch.runner import build_runner
from slotcon_mm.launch.start_checks import check_test


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_arguments(parser)
    parser.add_argument("checkpoint", help="checkpoint file or work dir")
    return parser.parse_args()


def main() -> None:
    with hosts_kept_quiet():
        run(parse_arguments())


def run(args: argparse.Namespace) -> None:
    try:
        config, notes = prepare(args)
        if not config.get("test_dataloader"):
            raise ValueError(f"expected a config with a test_dataloader, got {args.config}, which only trains")
        config.load_from = str(resolve_checkpoint(args.checkpoint, "the checkpoint"))
        config.resume = False  # which a config that a resumed run left holds: a score needs weights alone
        notes += keep_prototypes(config)
        runner = build_runner(config, notes)
        check_test(runner)
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"error: {error}")
    try:
        runner.test()
    except (BadLabelMapError, UnreadableImageError) as error:
        sys.exit(f"error: {last_paragraph(error)}")
    leave_processes()


if __name__ == "__main__":
    main()
