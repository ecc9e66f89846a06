#!/usr/bin/env python
"""Train a model: pretraining, MMDetection and MMSegmentation configs alike.

python tools/train.py configs/slotcon_r50_coco.py
"""

from __future__ import annotations

import argparse
import sys

import slotcon_mm  # noqa: F401
from slotcon_mm.checks import PreemptedError, RunStoppedError
from slotcon_mm.datasets.image_files import UnreadableImageError
from slotcon_mm.datasets.label_files import BadLabelMapError
from slotcon_mm.launch.arguments import add_common_arguments, add_training_arguments
from slotcon_mm.launch.console import hosts_kept_quiet, last_paragraph
from slotcon_mm.launch.machine.launchers import leave_processes
from slotcon_mm.launch.runner import build_runner
from slotcon_mm.launch.start_checks import check_start
from slotcon_mm.launch.training import lock_for_training, prepare_training, train


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_arguments(parser)
    add_training_arguments(parser)
    return parser.parse_args()


def main() -> None:
    with hosts_kept_quiet():
        run(parse_arguments())


def run(args: argparse.Namespace) -> None:
    try:
        start = prepare_training(args)
        lock = lock_for_training(start.config)
        runner = build_runner(start.config, start.notes)
        check_start(runner, start.weights)
    except (ValueError, OSError, ImportError, RunStoppedError) as error:
        sys.exit(f"error: {error}")
    try:
        train(runner)
    except PreemptedError as error:
        leave_processes()
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except (BadLabelMapError, UnreadableImageError, RunStoppedError) as error:
        sys.exit(f"error: {last_paragraph(error)}")
    finally:
        del lock  # held until here
    leave_processes()


if __name__ == "__main__":
    main()
