"""What the page of an adaptation shows, gathered from its run."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

import numpy as np
from mmengine.device import get_device
from mmengine.runner import Runner

from slotcon_mm.adaptation.overlays import cluster_overlays, read_shown, shrunk
from slotcon_mm.adaptation.page import write_page
from slotcon_mm.adaptation.verdict import Verdict
from slotcon_mm.checkpoints.backbone import backbone_of
from slotcon_mm.checkpoints.build import build_from_checkpoint
from slotcon_mm.checkpoints.formats import in_library
from slotcon_mm.checkpoints.latest import resolve_checkpoint
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local
from slotcon_mm.checkpoints.view_size import bit_depth_of_config, views_of_config
from slotcon_mm.datasets.image_lists import read_list
from slotcon_mm.evaluation.frozen.description_table import DescribedRow
from slotcon_mm.evaluation.frozen.description_table import cells_of as table_of_descriptions
from slotcon_mm.evaluation.frozen.table import Row
from slotcon_mm.evaluation.frozen.table import cells_of as table_of_scores
from slotcon_mm.evaluation.frozen.weights import network_of_weights
from slotcon_mm.inference.fill_gallery import fill_gallery, read_square
from slotcon_mm.inference.group_names import fingerprint_of
from slotcon_mm.launch.evaluation_command import Table
from slotcon_mm.visualization.gallery_page import write_gallery

__all__ = ["write_report"]

NUM_SHOWN, MOST_IN_GALLERY, COLUMNS, ROWS = 6, 500, 8, 12


def write_report(
    args: argparse.Namespace, runner: Runner, images: Path, table: Table, verdict: Verdict, handed_back: str,
    checkpoint: Path | None,
) -> Path:  # fmt: skip
    """``report.html`` in the adaptation's folder, and the page of prototypes beside it; returns the path.

    Args:
        args: Of ``adaptation_parser``.
        runner: Of the run.
        images: The list that was trained on.
        table: Before and after.
        verdict: Of it.
        handed_back: Which weights ``backbone.pth`` holds: ``adapted``, ``best`` or ``start``.
        checkpoint: That they are of; none of the start.
    """
    paths = read_list(str(images), str(Path(args.folder).resolve()))
    work_dir = Path(runner.work_dir)
    shown = read_shown(paths, NUM_SHOWN)
    columns: dict[str, list[np.ndarray]] = {"image": [shrunk(image) for image in shown]}
    for title, file in (("before", args.out / "start.pth"), ("after", args.out / "backbone.pth")):
        network = network_of_weights(str(file))._replace(views=views_of_config(runner.cfg))
        columns[title] = cluster_overlays(network, shown)
    report = args.out / "report.html"
    write_page(
        report,
        title=f"Adapting {Path(args.weights).name} to {Path(args.folder).name}",
        facts=[
            f"{len(paths)} images of {args.folder}, {epochs_done(work_dir)} of {runner.max_epochs} epochs from "
            f"{args.weights}.",
            f"Start: start.pth. Work dir: {work_dir}.",
        ],
        verdict=verdict,
        handed_back=handed_back,
        table=cells_of(table),
        curves=[work_dir / "evaluation.png"],
        columns=columns,
        prototypes=None if checkpoint is None else write_prototypes(args, runner, checkpoint),
        commands=commands_for(args, checkpoint),
    )
    return report


def cells_of(table: Table) -> list[list[str]]:
    """A line of titles, and a row for each weights."""
    labeled = [row for row in table.rows if isinstance(row, Row)]
    described = [row for row in table.rows if isinstance(row, DescribedRow)]
    return table_of_scores(labeled) if labeled else table_of_descriptions(described)


def epochs_done(work_dir: Path) -> int:
    return int(load_from_safe_local(str(resolve_checkpoint(work_dir, "--out")), "meta")["meta"]["epoch"])


def write_prototypes(args: argparse.Namespace, runner: Runner, checkpoint: Path) -> Path:
    """The page of what a checkpoint's prototypes group; returns its contact sheet."""
    model = build_from_checkpoint(load_from_safe_local(str(checkpoint), "cpu")).to(get_device()).eval()
    views, bit_depth = views_of_config(runner.cfg), bit_depth_of_config(runner.cfg)
    size = min(views)
    gallery, _ = fill_gallery(
        model, args.folder, top=COLUMNS, size=size, batch_size=16, workers=args.workers, most=MOST_IN_GALLERY,
        bit_depth=bit_depth, views=views,
    )  # fmt: skip
    folder = args.out / "prototypes"
    write_gallery(
        gallery, folder, read=lambda path: read_square(path, size, bit_depth=bit_depth), title="Prototypes",
        fingerprint=fingerprint_of(model), names={}, sheet_rows=ROWS,
    )  # fmt: skip
    return folder / "sheet.png"


def quoted(path: str | Path) -> str:
    """As a shell takes it."""
    return shlex.quote(str(path))


def commands_for(args: argparse.Namespace, checkpoint: Path | None) -> list[str]:
    """What goes on from the weights, in the forms that libraries read."""
    file = args.out / "backbone.pth"
    tensors = backbone_of(load_from_safe_local(str(file), "cpu")).tensors
    lines = []
    for library in ("torchvision", "timm"):
        try:
            in_library(tensors, library)
        except ValueError:
            continue
        target = args.out / f"{library}.safetensors"
        lines.append(f"python tools/convert_checkpoint.py backbone {quoted(file)} {quoted(target)} --format {library}")
    return [
        *lines,
        f"python tools/evaluate.py {quoted(args.out / 'start.pth')} {quoted(file)} "
        "--images FOLDER --labels MASKS --classes classes.txt",
        *([f"python tools/infer.py {quoted(checkpoint)} {quoted(args.folder)} --out-dir groups"] if checkpoint else []),
        f"tools/dist_train.sh CONFIG GPUS --pretrained {quoted(file)}    # a detector or segmentor of configs/",
    ]
