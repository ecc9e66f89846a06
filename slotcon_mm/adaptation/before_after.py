"""Features of the start and of what training made of it, beside one another."""

from __future__ import annotations

import argparse
from typing import Any

from mmengine.runner import Runner

import slotcon_mm
from slotcon_mm.adaptation.verdict import Verdict, judge, without_labels
from slotcon_mm.checkpoints.latest import latest_checkpoint
from slotcon_mm.checkpoints.view_size import bit_depth_of_config, views_of_config
from slotcon_mm.datasets.unlabeled_image_dataset import UnlabeledImageDataset
from slotcon_mm.evaluation.frozen import description_table
from slotcon_mm.evaluation.frozen.describe import MOST_IMAGES
from slotcon_mm.evaluation.frozen.description_table import write_descriptions
from slotcon_mm.evaluation.frozen.evaluate import Choices
from slotcon_mm.evaluation.frozen.grids import Reading
from slotcon_mm.evaluation.frozen.table import as_text, write_tables
from slotcon_mm.launch.describing import describe_weights, description_protocol
from slotcon_mm.launch.evaluating import evaluate_weights, protocol_of
from slotcon_mm.launch.evaluation_command import Table
from slotcon_mm.launch.machine.device import has_accelerator
from slotcon_mm.models.input_sizes import usual_size

__all__ = ["measure"]

MEASURES = ("knn", "probe", "retrieval")
NAMES = ("before", "after")


def measure(args: argparse.Namespace, runner: Runner, has_labels: bool) -> tuple[Table, Verdict]:
    """Start and end of training beside one another."""
    files = [str(args.out / "start.pth"), str(latest_checkpoint(runner.work_dir))]
    size = usual_size(views_of_config(runner.cfg))  # the same for both
    device = "cuda" if has_accelerator() else "cpu"
    table, verdict = (with_labels if has_labels else without)(args, runner, files, size, device)
    print(table.text, end="")
    return table, verdict


def with_labels(
    args: argparse.Namespace, runner: Runner, files: list[str], size: int, device: str
) -> tuple[Table, Verdict]:
    loop: Any = runner.val_loop
    given = loop.choices.reading
    choices = Choices(MEASURES, reading=Reading(given.size or size, workers=args.workers, progress=True))
    measured = evaluate_weights(files, loop.parts, choices, random=False, device=device)
    rows = [row._replace(name=name) for row, name in zip(measured, NAMES, strict=True)]
    data = dict(train=runner.cfg.val_cfg.train, held_out=runner.cfg.val_dataloader.dataset)
    protocol = protocol_of(choices, data, loop.parts, slotcon_mm.__version__)
    write_tables(rows, args.out, protocol, loop.parts.label_set.names, choices.seeds)
    verdict = judge(rows[0].scores, rows[1].scores, images=len(loop.parts.held_out))
    return Table(rows, as_text(rows)), verdict


def without(
    args: argparse.Namespace, runner: Runner, files: list[str], size: int, device: str
) -> tuple[Table, Verdict]:
    trained = runner.cfg.train_dataloader.dataset
    loading = dict(type="slotcon_mm.LoadImage", bit_depth=bit_depth_of_config(runner.cfg))
    dataset = UnlabeledImageDataset(trained.data_root, ann_file=trained.ann_file, pipeline=[loading])
    reading = Reading(size, workers=args.workers, progress=True)
    measured = describe_weights(files, dataset, reading, [0], random=False, device=device)
    rows = [row._replace(name=name) for row, name in zip(measured, NAMES, strict=True)]
    protocol = description_protocol(args.folder, dataset, [0], MOST_IMAGES, slotcon_mm.__version__)
    write_descriptions(rows, args.out, protocol, [0])
    return Table(rows, description_table.as_text(rows)), without_labels()
