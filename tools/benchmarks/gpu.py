#!/usr/bin/env python
"""All that is measured on a GPU, after the checks that only a GPU can make; a table beside the targets comes last.

python tools/benchmarks/gpu.py data/coco/train2017 --out FOLDER      # some 25 minutes
python tools/benchmarks/gpu.py data/coco/train2017 --out FOLDER --only checks step64
python tools/benchmarks/gpu.py FOLDER --out FOLDER --try-on-cpu      # whether every part runs, in minutes

Each part is a process of its own with a time limit; its output is in FOLDER/PART.log, its numbers in FOLDER/PART.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from measure import machine_line

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).parent
LIMIT = 480  # seconds a part
EAGER_ROOFLINE = 2730  # images/s of ResNet-50 at 224 pixels on an H200: 366 us of bandwidth and arithmetic an image
COMPILED = ["compiled", "compiled, one pass", "CUDA graphs, one pass"]
EAGER = ["plain", "slotcon_mm", "nchw", "one pass"]


class Part(NamedTuple):
    """Arguments on a GPU, and those that let a CPU run it in a minute."""

    arguments: list[str]
    on_cpu: list[str]


def parts_of(folder: str) -> dict[str, Part]:
    small = ["--depth", "18", "--size", "128", "--batch", "8", "--rounds", "1", "--device", "cpu"]
    step = ["training_step.py", "--seconds", "200", "--variants", *EAGER, *COMPILED]
    small_step = ["training_step.py", *small, "--variants", "plain", "slotcon_mm", "one pass"]
    return dict(
        step64=Part([*step, "--batch", "64"], small_step),
        step256=Part([*step, "--batch", "256", "--rounds", "10"], small_step),
        bf16=Part(["training_step.py", "--batch", "256", "--precision", "bf16", "--rounds", "10"], small_step),
        optimizer=Part(["optimizer.py"], ["optimizer.py", "--depth", "18", "--rounds", "1", "--device", "cpu"]),
        photometric=Part(["photometric.py", folder], ["photometric.py", folder, "--images", "4", "--rounds", "1"]),
        end_to_end=Part(
            ["end_to_end.py", folder], ["end_to_end.py", folder, "--rounds", "1", "--steps", "1", "--batch", "4"]
        ),
        scale=Part(["scale.py", "--rounds", "8"], ["scale.py", "--of", "prototypes", "--rounds", "1"]),
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="images")
    parser.add_argument("--out", type=Path, required=True, help="folder for logs and numbers")
    parser.add_argument("--only", nargs="+", metavar="PART", help=f"of checks, {', '.join(parts_of(''))}")
    parser.add_argument("--try-on-cpu", action="store_true", help="small sizes, to see whether every part runs")
    args = parser.parse_args()
    known = ["checks", *parts_of("")]
    args.only = args.only or known
    if set(args.only) - set(known):
        parser.error(f"expected parts of {known}, got {sorted(set(args.only) - set(known))}")
    return args


def main() -> None:
    args = parse_arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    said = {}
    if "checks" in args.only:
        checks = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/integration/test_gpu.py"]
        said["checks"] = run("checks", checks, args.out)
    for name, part in parts_of(args.folder).items():
        if name in args.only:
            script, *rest = part.on_cpu if args.try_on_cpu else part.arguments
            command = [sys.executable, str(SCRIPTS / script), *rest, "--json", str(args.out / f"{name}.json")]
            said[name] = run(name, command, args.out)
    print("\n| part | outcome |\n| --- | --- |")
    for name, outcome in said.items():
        print(f"| {name} | {outcome} |")
    if not args.try_on_cpu:
        print("\n| what | target | measured |\n| --- | --- | --- |")
        for what, target, value in findings(args.out):
            print(f"| {what} | {target} | {value} |")
    print("\n" + machine_line())


def run(name: str, command: list[str], out: Path) -> str:
    """Its last line, or why it has none."""
    begin = time.perf_counter()
    print(f"{name} ...", flush=True)
    with open(out / f"{name}.log", "w") as log:
        try:
            code = subprocess.run(command, stdout=log, stderr=log, cwd=ROOT, timeout=LIMIT, check=False).returncode
        except subprocess.TimeoutExpired:
            return f"stopped after {LIMIT} s, see {name}.log"
    lines = (out / f"{name}.log").read_text(errors="replace").strip().splitlines() or [""]
    seconds = f"{time.perf_counter() - begin:.0f} s"
    if name == "checks":
        return f"{lines[-1]} (exit {code})"
    return f"ran, {seconds}" if code == 0 else f"failed with exit {code} after {seconds}: {lines[-1]}"


def findings(out: Path) -> Iterator[tuple[str, str, str]]:
    """Rows beside the targets, of the parts whose numbers are there."""
    for batch in (64, 256):
        record = numbers(out, f"step{batch}")
        rows = rows_of(record)
        for name in (*EAGER[1:], *COMPILED):
            if name in rows:
                target = "1.9" if name in COMPILED else "1.5"
                yield (
                    f"training step, batch {batch}, {name}: x plain",
                    f"at least {target}",
                    f"{rows[name]['ratio']:.2f}",
                )
        if batch == 256:
            for name, share in (("slotcon_mm", 0.5), *((name, 0.55) for name in COMPILED)):
                if name in rows:
                    value = f"{rows[name]['median'] / EAGER_ROOFLINE:.2f} ({rows[name]['median']:.0f}/s)"
                    yield f"batch 256, {name}: share of the eager roofline", f"at least {share}", value
        memory = record.get("peak_memory_gib", {})
        for name in memory:
            if name != "plain" and "plain" in memory and batch == 64:
                target = "0.85" if name in COMPILED else "1.0"
                yield f"peak memory, {name}: x plain", f"at most {target}", f"{memory[name] / memory['plain']:.2f}"
    rows = rows_of(numbers(out, "optimizer"))
    if rows:
        yield "optimizer and teacher: x plain", "at least 5", f"{rows['slotcon_mm']['ratio']:.2f}"
    rows = rows_of(numbers(out, "end_to_end"))
    if rows:
        share = rows["slotcon_mm"]["median"] / rows["slotcon_mm without a loader"]["median"]
        yield "end to end: share of the rate without a loader", "at least 0.95", f"{share:.2f}"


def numbers(out: Path, name: str) -> dict[str, Any]:
    path = out / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def rows_of(record: dict[str, Any]) -> dict[str, dict[str, float]]:
    return {row["variant"]: row for row in record.get("rows", [])}


if __name__ == "__main__":
    main()
