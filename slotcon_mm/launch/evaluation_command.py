"""What evaluate.py does, from its options to its table."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.dist import is_main_process

import slotcon_mm
from slotcon_mm.checks import expect_positive
from slotcon_mm.evaluation.frozen import description_table
from slotcon_mm.evaluation.frozen.describe import MOST_IMAGES
from slotcon_mm.evaluation.frozen.description_table import DescribedRow, write_descriptions
from slotcon_mm.evaluation.frozen.evaluate import Choices
from slotcon_mm.evaluation.frozen.grids import Reading
from slotcon_mm.evaluation.frozen.measures import MEASURES
from slotcon_mm.evaluation.frozen.parts import LabeledParts, build_parts
from slotcon_mm.evaluation.frozen.table import Row, as_text, write_tables
from slotcon_mm.launch.describing import describe_weights, description_protocol
from slotcon_mm.launch.evaluating import evaluate_weights, protocol_of, start_processes
from slotcon_mm.launch.evaluation_data import (
    add_data_arguments,
    dataset_configs,
    expect_no_data_options,
    open_unlabeled,
    read_preset,
)
from slotcon_mm.launch.labeled_data.label_map_checks import try_labeled_samples

__all__ = ["Table", "evaluation_parser", "tables_of"]


class Table(NamedTuple):
    """``rows``, one for each weights and of random ones, and the whole as ``text``."""

    rows: Sequence[Row | DescribedRow]
    text: str


def evaluation_parser(description: str | None = None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", metavar="WEIGHTS", nargs="+", help="work dirs and files of weights")
    parser.add_argument("--data", metavar="CONFIG", help="a config of configs/evaluation, in place of the next options")
    add_data_arguments(parser)
    parser.add_argument(
        "--backbone",
        metavar="CONFIG_OR_NAME",
        help="what network plain weights are of: a config with model.backbone, torchvision/NAME or timm/NAME",
    )
    parser.add_argument("--source", choices=["teacher", "student"], help="of pretrainings (default: teacher)")
    parser.add_argument("--no-random", action="store_true", help="leave the row of random weights out")
    parser.add_argument(
        "--measures", nargs="+", choices=[*MEASURES], help="default: all; fg-ari where there are instances"
    )
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="measure N times, 0 to N - 1 (default: 1)")
    parser.add_argument(
        "--size",
        type=int,
        help="pixels of the shorter side in the network (default: 320 for a training's views of 224)",
    )
    parser.add_argument("--memory", type=int, help="patches that retrieval remembers (default: 100,000)")
    parser.add_argument("--augmentation-epochs", type=int, metavar="N", help="of retrieval's memory (default: 1)")
    parser.add_argument("--batch-size", type=int, default=16, help="images at a time (default: 16)")
    parser.add_argument("--workers", type=int, default=2, help="processes that read images (default: 2)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="also write evaluation.txt, .md, .csv and .json")
    parser.add_argument("--launcher", choices=["none", "pytorch", "slurm", "mpi"], default="none", help="job launcher")
    parser.add_argument("--device", choices=["cpu"], help="cpu: leave a GPU alone")
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0, help=argparse.SUPPRESS)
    return parser


def tables_of(args: argparse.Namespace) -> Iterator[Table]:
    """The table after each of its rows, by when it is written: none is lost if the next one fails.

    Args:
        args: Of ``evaluation_parser``.

    Raises:
        ValueError: Weights, images, labels or options do not fit; the message says what to do.
    """
    if args.size is not None:
        expect_positive(size=args.size)
    device = start_processes(args.launcher, args.local_rank, args.device)
    yield from described(args, device) if args.images and not args.labels and not args.data else evaluated(args, device)


def evaluated(args: argparse.Namespace, device: str) -> Iterator[Table]:
    parts, choices, data = what_to_measure(args)
    measured = evaluate_weights(
        args.weights, parts, choices, backbone=args.backbone, source=args.source, random=not args.no_random,
        device=device,
    )  # fmt: skip
    rows: list[Row] = []
    for row in measured:
        rows.append(row)
        if args.out and is_main_process():
            protocol = {**protocol_of(choices, data, parts, slotcon_mm.__version__), **weights_of(args)}
            write_tables(rows, args.out, protocol, parts.label_set.names, choices.seeds)
        yield Table(rows, as_text(rows))


def described(args: argparse.Namespace, device: str) -> Iterator[Table]:
    """As ``evaluated``, of images without labels."""
    of_labels = [f"--{name.replace('_', '-')}" for name in ("measures", "memory", "augmentation_epochs")]
    if strange := [name for name in of_labels if getattr(args, name[2:].replace("-", "_")) is not None]:
        raise ValueError(f"expected --labels FOLDER_OR_JSON with {' and '.join(strange)}, got none: pass --labels")
    dataset, seeds = open_unlabeled(args), range(args.seeds)
    most_images = MOST_IMAGES if args.most_images is None else args.most_images
    reading = Reading(size=args.size, batch_size=args.batch_size, workers=args.workers, progress=True)
    measured = describe_weights(
        args.weights, dataset, reading, seeds, most_images=most_images, backbone=args.backbone, source=args.source,
        random=not args.no_random, device=device,
    )  # fmt: skip
    rows: list[DescribedRow] = []
    for row in measured:
        rows.append(row)
        if args.out and is_main_process():
            protocol = description_protocol(args.images, dataset, seeds, most_images, slotcon_mm.__version__)
            write_descriptions(rows, args.out, {**protocol, **weights_of(args)}, seeds)
        yield Table(rows, description_table.as_text(rows))


def weights_of(args: argparse.Namespace) -> dict[str, Any]:
    return {"source": args.source or "teacher", "backbone": args.backbone}


def what_to_measure(args: argparse.Namespace) -> tuple[LabeledParts, Choices, dict[str, Any]]:
    """Data and choices, of options and of the config that they may come from; and the data's description."""
    preset: dict[str, Any] = {}
    if args.data:
        expect_no_data_options(args, f"--data {args.data}")
        config = read_preset(args.data)
        train, held_out, preset = config.train, config.held_out, dict(config.get("choices") or {})
    else:
        train, held_out = dataset_configs(args)
    parts = build_parts(train, held_out, args.most_images)
    for part in (parts.train, parts.held_out):
        try_labeled_samples(part)
    reading = Reading(
        size=args.size or preset.pop("size", None), batch_size=args.batch_size, workers=args.workers, progress=True
    )
    preset.pop("size", None)
    given = {name: getattr(args, name) for name in ("memory", "augmentation_epochs") if getattr(args, name) is not None}
    preset.update(given, measures=tuple(args.measures or preset.get("measures") or usual_measures(parts)))
    known = [name for name in Choices._fields if name not in ("seeds", "reading")]
    if unknown := set(preset) - set(known):
        raise ValueError(f"expected choices of size, {', '.join(known)} in {args.data}, got {', '.join(unknown)}")
    choices = Choices(**preset, seeds=tuple(range(args.seeds)), reading=reading)
    return parts, choices, dict(train=train, held_out=held_out, most_images=args.most_images)


def usual_measures(parts: LabeledParts) -> list[str]:
    """All that the data allows."""
    has_instances = "gt_instances" in parts.held_out[0]
    return [name for name, measure in MEASURES.items() if has_instances or not measure.needs_instances]
