#!/usr/bin/env python
"""All that is measured on a GPU, after the checks that only a GPU can make; a table beside the targets comes last.

python tools/benchmarks/gpu.py data/coco/train2017 --out FOLDER      # some 25 minutes on one card of 80 GB
python tools/benchmarks/gpu.py data/coco/train2017 --out FOLDER --only checks step64
python tools/benchmarks/gpu.py FOLDER --out FOLDER --try-on-cpu      # whether every part runs, in minutes

Each part is a process of its own with a time limit; its output is in FOLDER/PART.log, its numbers in FOLDER/PART.json.
Started again, it leaves out the parts whose numbers are there. The checks need pytest and hypothesis.
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
# of ResNet-50 at 224 pixels, in microseconds an image, by the larger of arithmetic and memory for each operation: what
# operations bound by arithmetic take at 790 TFLOP/s, and what those bound by memory take at 4.3 TB/s
ARITHMETIC, MEMORY = 90 * 790, 276 * 4.3
EAGER = ["slotcon_mm", "two passes", "nchw"]


CHECKS = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/integration/test_gpu.py"]


class Part(NamedTuple):
    """Arguments on a GPU, and those that let a CPU run it in a minute (none: it cannot)."""

    arguments: list[str]
    on_cpu: list[str]


def parts_of(folder: str) -> dict[str, Part]:
    step, small = ["training_step.py", "--rounds", "10"], ["--depth", "18", "--size", "96", "--batch", "8"]
    once = ["--rounds", "1"]
    small_step = ["training_step.py", *small, *once, "--device", "cpu", "--variants", "plain", "slotcon_mm"]
    return dict(
        checks=Part(CHECKS, CHECKS),
        ceilings=Part(["ceilings.py"], []),
        profile=Part(["profile_step.py"], ["profile_step.py", *small, "--steps", "1"]),
        precision=Part(["precision.py", folder], ["precision.py", folder, *small]),
        step64=Part([*step, "--variants", "plain", *EAGER], small_step),
        step256=Part([*step, "--batch", "256", "--steps", "4", "--variants", "plain", *EAGER], small_step),
        bf16=Part([*step, "--precision", "bf16", "--variants", "plain", "slotcon_mm"], small_step),
        graphs64=Part([*step, "--variants", "plain", "CUDA graphs"], small_step),
        compiled64=Part([*step, "--variants", "plain", "compiled"], small_step),
        compiled_graphs64=Part([*step, "--variants", "plain", "compiled, CUDA graphs"], small_step),
        compiled256=Part([*step, "--batch", "256", "--steps", "4", "--variants", "plain", "compiled"], small_step),
        optimizer=Part(["optimizer.py"], ["optimizer.py", "--depth", "18", *once, "--device", "cpu"]),
        photometric=Part(["photometric.py", folder], ["photometric.py", folder, "--images", "4", *once]),
        end_to_end=Part(
            ["end_to_end.py", folder, "--rounds", "2"],
            ["end_to_end.py", folder, *once, "--steps", "1", "--batch", "8", "--workers", "1"],
        ),
        scale=Part(["scale.py", "--rounds", "8"], ["scale.py", "--of", "prototypes", *once]),
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="images")
    parser.add_argument("--out", type=Path, required=True, help="folder for logs and numbers")
    parser.add_argument("--only", nargs="+", metavar="PART", help=f"of {', '.join(parts_of(''))}")
    parser.add_argument("--again", action="store_true", help="also measure what is there already")
    parser.add_argument("--try-on-cpu", action="store_true", help="small sizes, to see whether every part runs")
    args = parser.parse_args()
    args.only = args.only or [*parts_of("")]
    if set(args.only) - set(parts_of("")):
        parser.error(f"expected parts of {[*parts_of('')]}, got {sorted(set(args.only) - set(parts_of('')))}")
    return args


def main() -> None:
    args = parse_arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    said = {}
    parts = parts_of(args.folder)
    for name in args.only:
        numbers_file = args.out / f"{name}.json"
        command = parts[name].on_cpu if args.try_on_cpu else parts[name].arguments
        if not command:
            said[name] = "left out on a CPU"
        elif numbers_file.is_file() and not args.again:
            said[name] = "measured before"
        elif name == "checks":
            said[name] = run(name, [sys.executable, *command], args.out)
        else:
            script, *rest = command
            said[name] = run(
                name, [sys.executable, str(SCRIPTS / script), *rest, "--json", str(numbers_file)], args.out
            )
        print(f"{name}: {said[name]}", flush=True)
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
    ceilings = numbers(out, "ceilings")
    for part in ("step64", "step256", "bf16", "graphs64", "compiled64", "compiled_graphs64", "compiled256"):
        record = numbers(out, part)
        rows, memory = rows_of(record), record.get("peak_memory_gib", {})
        target, share, room = ("1.9", "0.55", "0.85") if part.startswith("compiled") else ("1.5", "0.5", "1.0")
        for name in [name for name in rows if name != "plain"]:
            rate = rows[name]["median"]
            yield f"{part}, {name}: x plain", f"at least {target}", f"{rows[name]['ratio']:.2f} ({rate:.0f} images/s)"
            if ceilings and part.endswith("256"):
                value = f"{rate / roofline(ceilings):.2f} (of {roofline(ceilings):.0f} images/s)"
                yield f"{part}, {name}: share of the eager roofline", f"at least {share}", value
            if name in memory:
                yield (
                    f"{part}, {name}: peak memory, x plain",
                    f"at most {room}",
                    f"{memory[name] / memory['plain']:.2f}",
                )
    rows = rows_of(numbers(out, "optimizer"))
    if rows:
        yield "optimizer and teacher: x plain", "at least 5", f"{rows['slotcon_mm']['ratio']:.2f}"
    rows = rows_of(numbers(out, "end_to_end"))
    if rows:
        share_of_rate = rows["slotcon_mm"]["median"] / rows["slotcon_mm without a loader"]["median"]
        yield "end to end: share of the rate without a loader", "at least 0.95", f"{share_of_rate:.2f}"


def roofline(ceilings: dict[str, float]) -> float:
    """Images a second that this card's arithmetic and memory allow, operation by operation without fusion."""
    return 1e6 / (ARITHMETIC / ceilings["teraflops"] + MEMORY / ceilings["terabytes_per_second"])


def numbers(out: Path, name: str) -> dict[str, Any]:
    path = out / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def rows_of(record: dict[str, Any]) -> dict[str, dict[str, float]]:
    return {row["variant"]: row for row in record.get("rows", [])}


if __name__ == "__main__":
    main()
