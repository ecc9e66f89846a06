#!/usr/bin/env python
"""What a training step launches on a GPU, counted without one: the COCO config's ResNet-50, on a pretended device.

python tools/benchmarks/launches.py                                  # one GPU, fp16
python tools/benchmarks/launches.py --ranks 8 --precision fp32 --two-passes

A launch is an operation that computes; views and empty tensors are none. Bytes are those of all results, which is about
half of what memory moves. A convolution's backward is one launch here and two or three on a device.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple
from unittest import mock

import python_backward
import torch
import training_step
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import init_default_scope
from pretended_gpu import Operation, is_view, pretended_gpu, tensors_of
from torch import Tensor, nn
from torch import distributed as dist
from torch.utils.data._utils.pin_memory import pin_memory

import slotcon_mm
from slotcon_mm.models.algorithms.grouping_algorithm import GroupingAlgorithm
from slotcon_mm.models.preprocessing.photometric import reflected_taps

__all__ = ["PHASES", "Launch", "Tally", "count_step", "launches_of"]

PACKAGE = str(Path(slotcon_mm.__file__).parent) + os.sep
PHASES = ["preprocessing", "teacher's update", "forward", "backward", "averaging", "optimizer", "finite guard"]
# the innermost of these that stands on the stack tells the phase; all else is the forward
PHASE_OF = {
    ("view_preprocessor.py", "forward"): "preprocessing",
    ("teacher.py", "update"): "teacher's update",
    ("python_backward.py", "backward"): "backward",
    ("launches.py", "average_gradients"): "averaging",
    ("optimizer_wrapper.py", "step"): "optimizer",
    ("optimizer_wrapper.py", "zero_grad"): "optimizer",
    ("amp_optimizer_wrapper.py", "step"): "optimizer",
    ("amp_optimizer_wrapper.py", "backward"): "backward",  # scales the loss
    ("finite_guard_hook.py", "before_train_iter"): "finite guard",
    ("finite_guard_hook.py", "before_step"): "finite guard",
    ("finite_guard_hook.py", "after_train_iter"): "finite guard",
}
EMPTY = {
    "empty",
    "empty_like",
    "empty_strided",
    "new_empty",
    "new_empty_strided",
    "_unsafe_view",
    "device",
    "is_pinned",
}
COPIES = {
    "pinned": "copy from pinned memory",
    "pageable": "copy from pageable memory",
    "to the host": "copy to the host",
}


class Launch(NamedTuple):
    """Where it comes from: ``place`` is the innermost function of slotcon_mm, in a backward that of the forward."""

    phase: str
    operation: str
    place: str
    is_collective: bool


class Tally:
    """Counts and bytes of results by ``Launch``."""

    def __init__(self) -> None:
        self.counts: Counter[Launch] = Counter()
        self.bytes: Counter[Launch] = Counter()

    def __call__(self, operation: Operation) -> None:
        function = operation.function
        name = function._schema.name.split("::")[1]
        if is_view(function) or name in EMPTY or is_kept_reserve(operation):
            return
        phase, place = stand(sys._getframe(1))
        collective = function.namespace == "c10d"
        launch = Launch(phase, COPIES.get(operation.copied or "", name), place, collective)
        self.counts[launch] += launches_of(operation)
        self.bytes[launch] += sum(t.numel() * t.element_size() for t in written(operation))
        if name == "allgather_":  # NCCL gathers into one tensor, and copies each part into its own
            parts = tensors_of(operation.arguments[0])
            copies = Launch(phase, "copy of a gathered part", place, False)
            self.counts[copies] += len(parts)
            self.bytes[copies] += sum(t.numel() * t.element_size() for t in parts)

    def summary(self) -> dict[str, int]:
        """Launches of each phase, collectives of each kind and copies from pageable memory."""
        found: Counter[str] = Counter()
        for launch, count in self.counts.items():
            found[launch.operation if launch.is_collective else launch.phase] += count
            if launch.operation == COPIES["pageable"]:
                found[launch.operation] += count
        return dict(found)

    def by(self, *fields: str) -> dict[Any, tuple[int, int]]:
        """Counts and bytes of what shares these fields."""
        counts: Counter[Any] = Counter()
        sizes: Counter[Any] = Counter()
        for launch, count in self.counts.items():
            key = tuple(getattr(launch, field) for field in fields)
            counts[key] += count
            sizes[key] += self.bytes[launch]
        return {key: (count, sizes[key]) for key, count in counts.most_common()}


def is_kept_reserve(operation: Operation) -> bool:
    """cuDNN's workspace, copied for a second backward that ``python_backward`` cannot rule out; torch's engine does."""
    name = operation.function._schema.name
    return name == "aten::clone" and operation.result.dtype == torch.uint8


def stand(frame: FrameType | None) -> tuple[str, str]:
    """Phase and place of what is called from this frame."""
    phase = place = ""
    while frame is not None and not phase:
        path, function = frame.f_code.co_filename, frame.f_code.co_name
        if not place and path.startswith(PACKAGE):
            place = f"{path.removeprefix(PACKAGE)}:{function}"
        if not place and path == python_backward.__file__ and function == "backward":
            place = place_of_node(frame.f_locals.get("node"))
        phase = PHASE_OF.get((path.rpartition(os.sep)[2], function), "")
        frame = frame.f_back
    return phase or "forward", place or "elsewhere"


def place_of_node(node: Any) -> str:
    """Where the forward made it, which torch notes while it looks for anomalies."""
    noted = "".join(node.metadata.get("traceback_", [])) if node is not None else ""
    lines = [line for line in noted.splitlines() if line.startswith(f'  File "{PACKAGE}')]
    if not lines:
        return "elsewhere"
    path, _, function = lines[-1].split(", ")
    return f"{path.removeprefix('  File ').strip(chr(34)).removeprefix(PACKAGE)}:{function.removeprefix('in ')}"


def written(operation: Operation) -> list[Tensor]:
    """The results, or the arguments written to where nothing is returned."""
    if operation.function.namespace == "c10d":
        return tensors_of(operation.arguments[0])
    results = tensors_of(operation.result)
    if results:
        return results
    arguments = zip(operation.function._schema.arguments, operation.arguments, strict=False)
    return tensors_of([value for given, value in arguments if given.alias_info and given.alias_info.is_write])


# Kernels on lists of tensors, as torch 2.11 starts them (ATen/native/cuda/MultiTensorApply.cuh) ----------------------
CHUNK = 65536  # elements that a block works on
MOST_BLOCKS = 320  # of a launch
MOST_TENSORS = [110, 64, 48, 36, 30]  # of a launch, by the number of lists
SAME_TYPES_NOT_NEEDED = {"_foreach_copy_"}


def launches_of(operation: Operation) -> int:
    name = operation.function._schema.name.split("::")[1]
    if "foreach" not in name and not name.startswith("_fused"):
        return 1
    given = [list(a) for a in operation.arguments if isinstance(a, list | tuple) and a and isinstance(a[0], Tensor)]
    if isinstance(operation.result, list | tuple) and not name.endswith("_") and name != "_foreach_norm":
        given.append(list(operation.result))
    if "foreach" in name and not is_fast(given, types=name not in SAME_TYPES_NOT_NEEDED):
        return len(given[0])
    return sum(1 for _ in starts(given[0], MOST_TENSORS[len(given) - 1]))


def is_fast(lists: Sequence[Sequence[Tensor]], *, types: bool) -> bool:
    """Whether tensors that stand at one place are alike; if any is not, each has a launch of its own."""
    alike = all(len({(t.shape, t.stride()) for t in together}) == 1 for together in zip(*lists, strict=True))
    return alike and (not types or len({t.dtype for tensors in lists for t in tensors}) == 1)


def starts(tensors: Sequence[Tensor], most_tensors: int) -> Iterator[None]:
    held = blocks = 0
    for tensor in tensors:
        if tensor.numel() == 0:
            continue
        held += 1
        chunks = math.ceil(tensor.numel() / CHUNK)
        for chunk in range(chunks):
            blocks += 1
            last = chunk == chunks - 1
            if blocks == MOST_BLOCKS or (held == most_tensors and last):
                yield
                held, blocks = int(not last), 0
    if blocks:
        yield


# The step --------------------------------------------------------------------------------------------------------
def average_gradients(parameters: Sequence[Tensor], ranks: int) -> None:
    """As DistributedDataParallel with gradients as views of buckets: a scaled copy of each, an all-reduce a bucket."""
    given = list(reversed(parameters))
    limits = [dist._DEFAULT_FIRST_BUCKET_BYTES, 25 * 2**20]
    for bucket in dist._compute_bucket_assignment_by_size(given, limits)[0]:
        members = [given[i] for i in bucket]
        flat = members[0].new_empty(sum(p.numel() for p in members))
        for p, part in zip(members, flat.split([p.numel() for p in members]), strict=True):
            view = part.as_strided(p.shape, p.stride(), part.storage_offset())
            assert p.grad is not None
            torch.mul(p.grad, 1 / ranks, out=view)
            p.grad = view
        dist.all_reduce(flat)


class Averaging(MMDistributedDataParallel):
    """DistributedDataParallel without its C++ part, which reads values and waits for torch's own backward."""

    module: GroupingAlgorithm

    def __init__(self, module: GroupingAlgorithm, **options: Any) -> None:
        nn.Module.__init__(self)
        self.module = module

    def train_step(self, data: Any, optim_wrapper: Any) -> Any:
        plain: Callable[[Tensor], None] = optim_wrapper.backward

        def backward(loss: Tensor) -> None:
            plain(loss)
            average_gradients([p for p in self.module.parameters() if p.requires_grad], dist.get_world_size())

        with mock.patch.object(optim_wrapper, "backward", backward):
            return self.module.train_step(data, optim_wrapper)


def count_step(
    *,
    ranks: int = 1,
    precision: str = "fp32",
    one_pass: bool | None = None,
    places: bool = False,
    config: Path = training_step.CONFIG,
) -> Tally:
    """The launches of a step, the first one of a training left out; ``one_pass`` is ``views_in_one_pass``.

    Raises:
        MixedError: An operation mixes devices or types.
        WaitError: The host would wait for the device.
    """
    init_default_scope("mmpretrain")
    MessageHub.get_current_instance().update_info("max_iters", training_step.TOTAL_STEPS)
    tally = Tally()
    given = Config.fromfile(config)
    mask = given.train_dataloader.dataset.pipeline[1].get("mask")
    # few images leave out some of the color jitter's launches
    on_host = training_step.make_batch(64, 224, pin=False, mask=mask)
    prototypes = given.model.neck.num_prototypes
    args = argparse.Namespace(depth=50, prototypes=prototypes, device="cuda", precision=precision)
    changes = dict(views_in_one_pass=one_pass)
    with (
        mock.patch.object(training_step, "MMDistributedDataParallel", Averaging),
        torch.autograd.set_detect_anomaly(places, check_nan=False),
        pretended_gpu(ranks, lambda operation: tally(operation)),
    ):
        step = training_step.our_train_step(args, changes, distributed=ranks > 1, config=config)
        batch = pin_memory(on_host)
        step(batch)
        tally = Tally()
        step(batch)
    reflected_taps.cache_clear()  # no pretended tensor may stay behind
    return tally


# The tables ------------------------------------------------------------------------------------------------------
def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=training_step.CONFIG, help="default: slotcon_r50_coco.py")
    parser.add_argument("--ranks", type=int, default=1, help="processes that are pretended (default: 1)")
    parser.add_argument("--precision", choices=["fp32", "fp16", "bf16"], default="fp16", help="default: fp16")
    parser.add_argument("--two-passes", action="store_true", help="views_in_one_pass=False")
    parser.add_argument("--places", type=int, default=20, help="functions listed (default: 20)")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    one_pass = False if args.two_passes else None
    tally = count_step(ranks=args.ranks, precision=args.precision, one_pass=one_pass, places=True, config=args.config)
    views = "a pass for each view" if args.two_passes else "both views in one pass"
    print(f"\nA step of {args.config.stem}, batch 64 on each of {args.ranks} GPUs, {args.precision}, {views}:\n")
    print("\n".join(report(tally, places=args.places)))


def report(tally: Tally, *, places: int) -> Iterator[str]:
    yield "| phase | launches | collectives | copies from pageable / pinned memory | MB of results |"
    yield "| --- | --- | --- | --- | --- |"
    by_phase, by_operation = tally.by("phase"), tally.by("phase", "operation")
    collectives = tally.by("phase", "is_collective")
    total = [0, 0, 0, 0, 0]
    for phase in PHASES:
        count, size = by_phase.get((phase,), (0, 0))
        shared, _ = collectives.get((phase, True), (0, 0))
        copies = [by_operation.get((phase, COPIES[kind]), (0, 0))[0] for kind in ("pageable", "pinned")]
        row = [count - shared, shared, *copies, size]
        total = [a + b for a, b in zip(total, row, strict=True)]
        yield line(phase, row)
    yield line("**all**", total)
    yield ""
    yield from table("operation", ((key[0], *value) for key, value in first(tally.by("operation"), 12)))
    yield ""
    rows = [(k, v) for k, v in tally.by("phase", "operation", "is_collective").items() if k[2]]
    if rows:
        yield from table("collective", ((f"{k[1]}, {k[0]}", *v) for k, v in rows))
        yield ""
    yield from table("function", ((f"{k[1]}, {k[0]}", *v) for k, v in first(tally.by("phase", "place"), places)))


def line(name: str, row: Sequence[int]) -> str:
    launches, shared, pageable, pinned, size = row
    return f"| {name} | {launches} | {shared} | {pageable} / {pinned} | {size / 1e6:,.0f} |"


def first(found: dict[Any, tuple[int, int]], most: int) -> list[tuple[Any, tuple[int, int]]]:
    return list(found.items())[:most]


def table(what: str, rows: Iterable[tuple[str, int, int]]) -> Iterator[str]:
    yield f"| {what} | launches | MB of results |"
    yield "| --- | --- | --- |"
    for name, count, size in rows:
        yield f"| {name} | {count} | {size / 1e6:,.0f} |"


if __name__ == "__main__":
    main()
