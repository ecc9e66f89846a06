#!/usr/bin/env python
"""Kill a training at random moments, resume it, and compare its end with that of one left alone, bit for bit.

python tools/benchmarks/kill_resume.py --kills 100

Each life of the run is a tools/train.py on a few generated scenes, ended by SIGKILL or SIGTERM: at a random moment of
what a whole run takes, or as soon as a checkpoint is half written. After each there must be a checkpoint that loads
(once there was a first), and every run that reaches its end must hold the same bits.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from slotcon_mm.checkpoints.latest import latest_checkpoint
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local
from slotcon_mm.checks import expect_positive
from slotcon_mm.datasets.scenes import write_scenes

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = {
    "train_dataloader.batch_size": 4,
    "train_dataloader.num_workers": 1,
    "model.neck.num_prototypes": 16,
    "default_hooks.checkpoint.interval": 1,
}
FIRST = "before a life's first checkpoint"
PARTS = ("state_dict", "optimizer", "param_schedulers")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="default: 20")
    parser.add_argument("--epochs", type=int, default=12, help="of a run (default: 12)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument("--json", type=Path, help="write the counts there")
    args = parser.parse_args()
    expect_positive(kills=args.kills, epochs=args.epochs)
    return args


class Training:
    """A run on ``data`` in ``work_dir``; each life is a process."""

    def __init__(self, data: Path, work_dir: Path, epochs: int) -> None:
        self.work_dir, self.epochs = work_dir, epochs
        options = {**OPTIONS, "train_dataloader.dataset.data_root": data, "train_cfg.max_epochs": epochs}
        self.command = [
            sys.executable, "tools/train.py", "configs/slotcon_r18_quickstart.py", "--device", "cpu",
            "--work-dir", str(work_dir), "--resume", "auto",
            "--cfg-options", *(f"{name}={value}" for name, value in options.items()),
        ]  # fmt: skip
        self.log = work_dir.with_suffix(".log")

    def start(self) -> subprocess.Popen:
        with open(self.log, "a") as log:
            return subprocess.Popen(self.command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)

    def is_finished(self) -> bool:
        return (self.work_dir / f"epoch_{self.epochs}.pth").is_file()

    def is_writing(self) -> bool:
        return any(self.work_dir.glob(".*.part"))

    def phase(self) -> str:
        if self.is_writing():
            return "while a checkpoint is written"
        return "in training" if (self.work_dir / ".training").exists() and self.saved_in_this_life() else FIRST

    def saved_in_this_life(self) -> bool:
        files = [*self.work_dir.glob("epoch_*.pth")]
        return any(path.stat().st_mtime > self.born for path in files)

    def live_until(self, moment: float | None, sent: signal.Signals, write: int = 1) -> str | None:
        """Kills a life after ``moment`` seconds (None: in its ``write``-th write of a checkpoint).

        Returns where it was then; None if it reached its end before.
        """
        self.born = time.time()
        process = self.start()
        seen: set[str] = set()
        while process.poll() is None:
            if moment is None:
                now = {path.name for path in self.work_dir.glob(".epoch_*.part")}
                seen |= now
                due = bool(now) and len(seen) >= write
            else:
                due = time.time() - self.born > moment
            if due:
                os.killpg(process.pid, signal.SIGSTOP)  # so that what is said of the moment is true
                phase = self.phase()
                if sent == signal.SIGTERM:
                    os.killpg(process.pid, signal.SIGTERM)
                    os.killpg(process.pid, signal.SIGCONT)
                else:
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return phase
            time.sleep(0.0005 if moment is None else 0.01)
        if process.returncode != 0:
            sys.exit(f"error: a training failed:\n{self.log.read_text()[-3000:]}")
        return None

    def state(self) -> dict[str, Any]:
        checkpoint = load_from_safe_local(str(self.work_dir / f"epoch_{self.epochs}.pth"), "cpu")
        return {part: checkpoint[part] for part in PARTS}


def is_same(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(is_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(is_same, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def main() -> None:
    args = parse_arguments()
    moments = random.Random(args.seed)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_scenes(root / "scenes", num_train=16, num_val=1, width=128, height=96, seed=3, workers=1)
        reference = Training(root / "scenes", root / "reference", args.epochs)
        started = time.time()
        reference.live_until(float("inf"), signal.SIGKILL)
        length = time.time() - started
        expected = reference.state()
        print(f"a run of {args.epochs} epochs left alone: {length:.1f} s, start included", flush=True)
        run = 0
        while counts["kills"] < args.kills:
            run += 1
            training = Training(root / "scenes", root / f"run-{run}", args.epochs)
            had_checkpoint = False
            while not training.is_finished():
                moment: float | None = moments.uniform(0, length) if counts["kills"] % 2 else None
                if counts["kills"] >= args.kills:
                    moment = float("inf")
                sent = signal.SIGTERM if counts["kills"] % 5 == 4 else signal.SIGKILL
                phase = training.live_until(moment, sent, write=moments.randint(1, 4))
                if phase is None:
                    break
                counts["kills"] += 1
                counts[f"{sent.name} {phase}"] += 1
                latest = latest_checkpoint(training.work_dir)
                if latest is not None:
                    load_from_safe_local(str(latest), "cpu")
                elif had_checkpoint:
                    sys.exit(f"error: no checkpoint is left after kill {counts['kills']}")
                had_checkpoint = latest is not None
                print(f"kill {counts['kills']}: {sent.name} {phase}; newest: {latest and latest.name}", flush=True)
            if not is_same(training.state(), expected):
                sys.exit(f"error: run {run} ended in other bits than the run left alone")
            counts["runs ended in the same bits"] += 1
    print("\n| what | times |\n| --- | --- |")
    for name, count in sorted(counts.items()):
        print(f"| {name} | {count} |")
    print(
        f"\n{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}"
    )
    if args.json:
        args.json.write_text(json.dumps(dict(counts), indent=2))


if __name__ == "__main__":
    main()
