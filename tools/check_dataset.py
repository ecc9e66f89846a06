#!/usr/bin/env python
"""Decode every image of a folder once; list the bad, odd and duplicate ones, and write a clean list for training.

python tools/check_dataset.py data/coco --folders train2017
tools/dist_train.sh configs/slotcon_r50_coco.py 8 \\
    --cfg-options train_dataloader.dataset.ann_file=$PWD/dataset_check/clean.txt

It continues where it was interrupted, and looks only at new and changed files if you call it again.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

import slotcon_mm  # noqa: F401
from slotcon_mm.checks import printable
from slotcon_mm.datasets.check import Report, check_folder

SHOWN = 10


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", metavar="FOLDER", help="the config's data_root")
    parser.add_argument("--folders", nargs="+", default=[""], help="sub-folders to look at (default: all)")
    parser.add_argument(
        "--out-dir",
        type=Path,
        default=Path("dataset_check"),
        help="folder to write the lists into (default: dataset_check/)",
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one for each core)"
    )
    return parser.parse_args()


def show(title: str, rows: list[tuple[str, str]], file: Path) -> None:
    if rows:
        print(f"{len(rows)} {title} ({file}):")
        for name, what in rows[:SHOWN]:
            print(f"  {printable(name)}: {printable(what)}")
        if len(rows) > SHOWN:
            print("  ...")


def main() -> None:
    args = parse_arguments()
    try:
        report: Report = check_folder(args.root, args.out_dir, folders=args.folders, workers=args.workers)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    show("cannot be read", report.bad, args.out_dir / "bad.txt")
    show("are odd, and can be read", report.odd, args.out_dir / "odd.txt")
    show("are copies of another", report.duplicates, args.out_dir / "duplicates.txt")
    if report.too_dark:
        print(f"{report.too_dark}: --cfg-options train_dataloader.dataset.pipeline.0.bit_depth=BITS")
    kept = report.images - len(report.bad) - len(report.duplicates)
    print(f"{report.images} images, {kept} of them in the clean list: train with --cfg-options")
    print(f"  {shlex.quote(f'train_dataloader.dataset.ann_file={report.clean.resolve()}')}")
    if report.bad:
        sys.exit(f"error: {len(report.bad)} of {report.images} images cannot be read")


if __name__ == "__main__":
    main()
