#!/usr/bin/env python
"""Fine-tune a list of pretrainings on a list of benchmarks, and write one table beside the paper's numbers.

python tools/benchmarks/transfer.py work_dirs/slotcon_r50_coco torchvision://resnet50 scratch --gpus 8
python tools/benchmarks/transfer.py work_dirs/RUN --configs configs/segmentation/fcn_*.py --gpus 2 --seeds 0 1 2

A run that is finished is not run again, one that was interrupted goes on: start the same command once more. The table
(transfer.md, transfer.csv in --work-dir) is written anew after each run. --dry-run prints the commands.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from slotcon_mm.evaluation.transfer_table import PAPER, Result, read_metrics, write_tables

TOOLS = Path(__file__).resolve().parents[1]
CONFIGS = TOOLS.parent / "configs"
PAPERS_BENCHMARKS = [
    CONFIGS / "detection/mask-rcnn_r50_fpn_1x_coco.py",
    CONFIGS / "segmentation/fcn_r50-d16_cityscapes-769x769_90k.py",
    CONFIGS / "segmentation/fcn_r50-d16_voc12aug-513x513_30k.py",
    CONFIGS / "segmentation/fcn_r50-d8_ade20k-512x512_80k.py",
]
DONE = "transfer_result.json"


class Run(NamedTuple):
    config: Path
    pretrained: str
    seed: int
    work_dir: Path

    @property
    def name(self) -> str:
        return pretraining_name(self.pretrained)

    def command(self, args: argparse.Namespace) -> list[str]:
        train = [str(TOOLS / "dist_train.sh"), str(self.config), str(args.gpus)]
        options = [f"randomness.seed={self.seed}", *(args.cfg_options or [])]
        return [
            *train, "--work-dir", str(self.work_dir), "--resume", "auto", "--pretrained", self.pretrained,
            "--cfg-options", *options,
        ]  # fmt: skip

    def results(self) -> list[Result]:
        """What a finished run measured; none before."""
        path = self.work_dir / DONE
        if not path.is_file():
            return []
        metrics = json.loads(path.read_text())
        return [Result(self.name, self.config.stem, metric, value, self.seed) for metric, value in metrics.items()]


def pretraining_name(pretrained: str) -> str:
    return pretrained if "://" in pretrained else Path(pretrained).stem


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pretrained", nargs="+", help="what --pretrained of train.py takes")
    parser.add_argument("--configs", nargs="+", type=Path, default=PAPERS_BENCHMARKS, help="default: the paper's four")
    parser.add_argument("--gpus", type=int, default=1, help="GPUs, or CPU processes where there is none")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/transfer"))
    parser.add_argument("--cfg-options", nargs="+", help="passed on to every run")
    parser.add_argument("--dry-run", action="store_true", help="print the commands")
    args = parser.parse_args()
    names = [pretraining_name(pretrained) for pretrained in args.pretrained]
    if len(set(names)) < len(names):
        parser.error(f"expected pretrainings with names of their own, got {', '.join(names)}")
    missing = [str(config) for config in args.configs if not config.is_file()]
    if missing:
        parser.error(f"expected config files, got {', '.join(missing)}")
    return args


def list_runs(args: argparse.Namespace) -> Iterator[Run]:
    for config in args.configs:
        for pretrained in args.pretrained:
            for seed in args.seeds:
                folder = pretraining_name(pretrained).replace("://", "-")
                yield Run(config, pretrained, seed, args.work_dir / config.stem / folder / f"seed{seed}")


def main() -> None:
    args = parse_arguments()
    runs = list(list_runs(args))
    failed = []
    for number, run in enumerate(runs, start=1):
        command = run.command(args)
        title = f"[{number}/{len(runs)}] {run.config.stem}, {run.name}, seed {run.seed}"
        if args.dry_run:
            print(shlex.join(command))
        elif run.results():
            print(f"{title}: done before")
        elif not execute(run, command, title):
            failed.append(title)
        if not args.dry_run:
            table = write_tables([*PAPER, *(r for run in runs for r in run.results())], args.work_dir)
    if not args.dry_run:
        print(f"\n{table}\n{args.work_dir / 'transfer.md'}")
    if failed:
        sys.exit("error: these runs failed:\n" + "\n".join(failed))


def execute(run: Run, command: list[str], title: str) -> bool:
    """Trains; notes the metrics of a run that came to its end. Whether it did."""
    run.work_dir.mkdir(parents=True, exist_ok=True)
    log = run.work_dir / "transfer.log"
    print(f"{title}: running, log in {log}", flush=True)
    with log.open("a") as file:
        code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT).returncode
    metrics = read_metrics(run.work_dir)
    if code != 0 or not metrics:
        print(f"{title}: failed (exit {code}); the end of {log}:\n" + "\n".join(log.read_text().splitlines()[-5:]))
        return False
    (run.work_dir / DONE).write_text(json.dumps(metrics))
    print(f"{title}: " + ", ".join(f"{name} {value:.1f}" for name, value in metrics.items()))
    return True


if __name__ == "__main__":
    main()
