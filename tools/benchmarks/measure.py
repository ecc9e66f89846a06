"""What the benchmarks share: variants measured in turns, a table of medians and ratios, the machine, JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

__all__ = ["Alone", "add_output_argument", "alternate", "fill_defaults", "machine", "machine_line", "report"]

PACKAGES = ("torch", "torchvision", "numpy", "pillow", "opencv-python-headless", "mmengine", "mmcv", "mmpretrain")


class Alone:
    """A variant in a process of its own, where nothing of another's memory, caches and settings is.

    ``build(*arguments)``, which both processes can import, makes there what each call runs.
    """

    def __init__(self, build: Callable[..., Callable[[], object]], *arguments: Any) -> None:
        # not a plain fork, after which CUDA does not work
        self.pool = ProcessPoolExecutor(1, mp_context=get_context("forkserver"))
        self.pool.submit(_build, build, arguments).result()

    def __enter__(self) -> Alone:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown()

    def __call__(self) -> None:
        self.pool.submit(_call).result()

    def measured_by(self, function: Callable[[Callable[[], object]], Any]) -> Any:
        """What ``function`` returns, given there what a call runs."""
        return self.pool.submit(_measure, function).result()


_variant: list[Callable[[], object]] = []


def _build(build: Callable[..., Callable[[], object]], arguments: Sequence[Any]) -> None:
    _variant.append(build(*arguments))


def _call() -> None:
    _variant[0]()
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _measure(function: Callable[[Callable[[], object]], Any]) -> Any:
    return function(_variant[0])


def alternate(
    variants: Mapping[str, Callable[[], Any]], *, rounds: int, seconds: float = 1e9
) -> dict[str, list[float]]:
    """Seconds of each variant's calls, one call of each in turn, so that a slow moment of the machine meets all.

    A first round, which may compile, is not counted. No round begins later than ``seconds`` after it.
    """
    found: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds + 1):
        if number == 1:
            started = time.perf_counter()
        if number > 1 and time.perf_counter() - started > seconds:
            break
        for name, call in variants.items():
            begin = time.perf_counter()
            call()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if number:
                found[name].append(time.perf_counter() - begin)
    return found


def machine() -> dict[str, Any]:
    """Where and with what this is measured."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return dict(cpu=cpu_name(), cores=os.cpu_count(), gpu=gpu, python=platform.python_version(), **versions)


def machine_line() -> str:
    return ", ".join(f"{name} {value}" for name, value in machine().items() if value is not None)


def cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())


def report(
    title: str, seconds: Mapping[str, Sequence[float]], *, items: int, unit: str, base: str, args: argparse.Namespace,
    notes: Sequence[str] = (), facts: Mapping[str, Any] | None = None,
    paired: Mapping[str, Sequence[float]] | None = None,
) -> None:  # fmt: skip
    """Prints, and writes to ``args.json`` if it is given: of each variant the median rate of ``items`` a call, the
    spread of its rounds, and the ratio to ``base``, the median of the ratios round by round. ``paired`` holds the
    base's seconds in each variant's rounds, where not all variants were measured in the same. ``facts`` go to the file.
    """
    here = machine()
    rows = []
    for name, times in seconds.items():
        beside = (paired or {}).get(name, seconds[base])
        ratios = [other / mine for other, mine in zip(beside, times, strict=True)]
        rates = sorted(items / t for t in times)
        rows.append(
            dict(
                variant=name,
                median=statistics.median(rates),
                low=rates[0],
                high=rates[-1],
                ratio=statistics.median(ratios),
            )
        )
    print(f"\n{title}\n\n| variant | {unit} | lowest to highest | x {base} |\n| --- | --- | --- | --- |")
    for row in rows:
        print(
            f"| {row['variant']} | {row['median']:.4g} | {row['low']:.4g} to {row['high']:.4g} | {row['ratio']:.2f} |"
        )
    for note in notes:
        print(f"\n{note}")
    print("\n" + machine_line())
    if args.json:
        record = dict(title=title, unit=unit, base=base, rows=rows, notes=list(notes), machine=here, **(facts or {}))
        args.json.write_text(json.dumps(record, indent=2) + "\n")


def fill_defaults(args: argparse.Namespace, *, cpu: Mapping[str, Any], gpu: Mapping[str, Any]) -> None:
    """Sets what the command line left open, by ``args.device``."""
    for name, value in (cpu if args.device == "cpu" else gpu).items():
        if getattr(args, name, None) is None:
            setattr(args, name, value)


def add_output_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, help="write the numbers there")
