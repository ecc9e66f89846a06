#!/usr/bin/env python
"""Did it help? Scores of frozen features on labeled images: a row for each weights, and one for random weights.

python tools/evaluate.py work_dirs/RUN [WEIGHTS ...] --images data/street --labels data/masks --classes classes.txt
python tools/evaluate.py work_dirs/RUN r50.pth --images COCO --labels COCO/stuffthingmaps --splits train2017 val2017 \\
    --label-set coco-stuff-27 --memory 500000 --seeds 3 --out table
python tools/evaluate.py work_dirs/RUN --data configs/evaluation/voc.py
python tools/evaluate.py work_dirs/RUN BEFORE --images data/street   # without labels: describes features of 200 images

WEIGHTS are work dirs, checkpoints of this package or of OpenMMLab's, exported backbones, and plain weights of other
libraries with --backbone. configs/evaluation/README.md says what each measure is and when to trust it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.logging import MMLogger

import slotcon_mm  # noqa: F401
from slotcon_mm.launch.console import hosts_kept_quiet, last_paragraph
from slotcon_mm.launch.evaluation_command import evaluation_parser, tables_of
from slotcon_mm.launch.machine.launchers import leave_processes


def main() -> None:
    with hosts_kept_quiet():
        run(evaluation_parser(__doc__).parse_args())


def run(args: argparse.Namespace) -> None:
    text = ""
    try:
        MMLogger.get_instance("mmengine", log_level="WARNING")
        for table in tables_of(args):
            text = table.text
    except (ValueError, OSError, ImportError) as error:
        show(text, None)
        sys.exit(f"error: {last_paragraph(error)}")
    show(text, args.out)
    leave_processes()


def show(table: str, folder: Path | None) -> None:
    if table and is_main_process():
        print(table, end="")
        if folder:
            print(f"{folder}/evaluation.txt, .md, .csv, .json")


if __name__ == "__main__":
    main()
