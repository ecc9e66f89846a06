#!/usr/bin/env python
"""Seconds from the command to the first batch in front of the model, with as many file names as COCO has.

python tools/benchmarks/start.py
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from many_names import COCO_TRAIN2017, folder_of_names
from measure import add_output_argument, report

from slotcon_mm.datasets.image_lists import list_images

ROOT = Path(__file__).resolve().parents[2]
# stops where the first batch would enter the model
CONFIG = """
_base_ = {base!r}
custom_imports = dict(imports=["stop_at_first_batch"])
custom_hooks = [dict(type="StopAtFirstBatch"), *_base_.custom_hooks]
train_dataloader = dict(batch_size=8, num_workers=2, dataset=dict(data_root={root!r}))
"""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=ROOT / "configs/slotcon_r50_coco.py", help="default: COCO's")
    parser.add_argument("--names", type=int, default=COCO_TRAIN2017, help="default: 118,287")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    add_output_argument(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    seconds: dict[str, list[float]] = {"command to first batch": [], "of it the file list": []}
    with folder_of_names(args.names) as folder, TemporaryDirectory() as scratch:
        config = Path(scratch) / "config.py"
        config.write_text(CONFIG.format(base=str(args.config), root=str(folder.parent)))
        for number in range(args.rounds + 1):  # the first one warms the disk's cache
            whole, listing = seconds_to_first_batch(config, Path(scratch) / f"work{number}"), seconds_to_list(folder)
            if number:
                seconds["command to first batch"].append(whole)
                seconds["of it the file list"].append(listing)
    report(
        f"Start with {args.names:,} names", seconds, items=1, unit="starts/s", base="command to first batch", args=args,
        notes=[f"{name}: median {sorted(times)[len(times) // 2]:.2f} s" for name, times in seconds.items()],
    )  # fmt: skip


def seconds_to_first_batch(config: Path, work_dir: Path) -> float:
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    begin = time.time()
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools/train.py"), str(config), "--work-dir", str(work_dir)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = [line for line in done.stdout.splitlines() if line.startswith("first batch at ")]
    if not said:
        sys.exit(f"error: expected the training to reach its first batch, got\n{(done.stdout + done.stderr)[-2000:]}")
    return float(said[0].rpartition(" ")[2]) - begin


def seconds_to_list(folder: Path) -> float:
    begin = time.perf_counter()
    list_images(folder)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
