"""Quickstart from data to report."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner

from slotcon_mm.checkpoints.latest import resolve_checkpoint
from slotcon_mm.datasets.image_lists import list_images
from slotcon_mm.datasets.labeled_images import LabeledImages, read_labeled, read_unlabeled
from slotcon_mm.datasets.scenes import CLASSES, write_scenes
from slotcon_mm.evaluation.supervised_fcn import supervised_fcn
from slotcon_mm.inference.fill_gallery import fill_gallery, read_square
from slotcon_mm.launch.fine_tuning import has_detection
from slotcon_mm.launch.runner import build_runner
from slotcon_mm.launch.start_checks import check_start
from slotcon_mm.launch.training import train
from slotcon_mm.quickstart.color_baseline import best_color_kmeans
from slotcon_mm.quickstart.groups import GroupedImages, group_images
from slotcon_mm.quickstart.progress_hook import ProgressHook
from slotcon_mm.quickstart.report import Row, overlays, write_report
from slotcon_mm.quickstart.transfer import NUM_LABELED, Comparison, compare_transfer
from slotcon_mm.visualization.curves import write_curves
from slotcon_mm.visualization.gallery_page import write_gallery

__all__ = ["run_quickstart"]

CONFIG = Path(__file__).parents[1] / ".mim/configs/slotcon_r18_quickstart.py"
NUM_TRAIN, NUM_HELD_OUT, NUM_SHOWN = 1000, 200, 12
SHEET_ROWS, SHEET_COLUMNS = 12, 8
SQUARE = 96  # pixels: images of 256 x 192 at the scale at which views show them
PROTOTYPES_WITHOUT_LABELS = 32
FCN_STEPS = 700


def run_quickstart(
    data: Path | None, work_dir: Path, *, seed: int, epochs: int | None, lr: float | None, transfer: bool = False,
    bit_depth: int | None = None,
) -> Path:  # fmt: skip
    """Pretrains and writes checkpoint, curves, scores and the report into ``work_dir``; returns the report's path."""
    if data and transfer:
        raise ValueError("expected --transfer without --data: fine-tuning needs labels, which the scenes have")
    work_dir.mkdir(parents=True, exist_ok=True)
    root = data or work_dir / "scenes"
    if data is None and not (root / "annotations/instances_val2017.json").is_file():
        write_scenes(root, num_train=NUM_TRAIN, num_val=NUM_HELD_OUT, workers=os.cpu_count() or 1)
    config = make_config(data, root, work_dir, seed=seed, epochs=epochs, lr=lr, bit_depth=bit_depth)
    shown = (
        read_unlabeled(root, NUM_SHOWN, bit_depth=bit_depth) if data else read_labeled(root, "val2017", NUM_HELD_OUT)
    )

    groups: dict[str, GroupedImages] = {}
    progress = ProgressHook(lambda model: groups.update(before=group_images(model, shown, len(CLASSES))))
    runner = build_runner(config, [])
    check_start(runner)
    runner.register_hook(progress)
    train(runner)
    groups["after"] = group_images(runner.model, shown, len(CLASSES))

    sheet = make_sheet(runner.model, root if data else root / "val2017", work_dir / "prototypes", labeled=not data,
                       bit_depth=bit_depth)  # fmt: skip
    rows, table = [], []
    if not data:
        labeled = read_labeled(root, "train2017", NUM_TRAIN)
        rows = compare(config, labeled, shown, groups, seed)
        if transfer:
            checkpoint = resolve_checkpoint(work_dir, "--transfer")
            table = compare_transfer(config, checkpoint, root, labeled, shown, len(CLASSES), work_dir)
    write_curves(work_dir / "curves.png", progress.curves(), across="step")
    report = work_dir / "report.html"
    write_report(report, rows=rows, columns=make_columns(shown, groups), curves=work_dir / "curves.png", sheet=sheet,
                 transfer=[row.cells() for row in table], transfer_note=describe_transfer(table),
                 **describe(data, config, runner))  # fmt: skip
    save_scores(work_dir / "scores.json", rows, table, seed)
    for row in rows:
        print(f"{row.name:42s} mIoU {100 * row.mean_iou:5.1f} %   pixel accuracy {100 * row.pixel_accuracy:5.1f} %")
    for comparison in table:
        print("{:28s} random {:12s}   pretrained {:12s}   difference {}".format(*comparison.cells()))
    return report


def make_config(
    data: Path | None, root: Path, work_dir: Path, *, seed: int, epochs: int | None, lr: float | None,
    bit_depth: int | None = None,
) -> Config:  # fmt: skip
    config = Config.fromfile(CONFIG)
    config.work_dir, config.launcher, config.log_level = str(work_dir), "none", "WARNING"
    config.randomness = dict(seed=seed)
    dataset = config.train_dataloader.dataset
    dataset.data_root = str(root)
    dataset.pipeline[0].bit_depth = bit_depth
    if data:
        dataset.folders = [""]
        config.model.neck.num_prototypes = PROTOTYPES_WITHOUT_LABELS
        if epochs is None:
            # as many steps as on the scenes, whatever the number of images
            epochs = max(1, round(config.train_cfg.max_epochs * NUM_TRAIN / max(1, len(list_images(root)))))
    config.train_cfg.max_epochs = epochs or config.train_cfg.max_epochs
    config.param_scheduler.warmup = min(config.param_scheduler.warmup, config.train_cfg.max_epochs / 4)
    if lr is not None:
        config.optim_wrapper.optimizer.lr = lr
    return config


def compare(
    config: Config, train: LabeledImages, shown: LabeledImages, groups: dict[str, GroupedImages], seed: int
) -> list[Row]:
    """The score table: this run, the baselines and the ceiling."""
    print("scoring the baselines: k-means on color, and a small network with all labels (a minute)")
    scores = {
        "color k-means (best of RGB, Lab, smooth Lab)": best_color_kmeans(shown, len(CLASSES), seed=seed),
        "SlotCon before training": groups["before"].scores,
        "SlotCon after training": groups["after"].scores,
        "supervised FCN (all labels): the ceiling": supervised_fcn(
            config.model.backbone, config.model.neck.in_channels, train, shown, len(CLASSES),
            steps=FCN_STEPS, seed=seed,
        ),
    }  # fmt: skip
    return [Row(name, s.mean_iou, s.pixel_accuracy, "after" in name) for name, s in scores.items() if s is not None]


def make_sheet(model: Any, folder: Path, out: Path, *, labeled: bool, bit_depth: int | None = None) -> Path:
    """Writes the page of prototypes into ``out``; returns its contact sheet."""
    model.eval()
    labels = str(folder.parent / "stuffthingmaps/val2017") if labeled else None
    gallery, _ = fill_gallery(
        model, str(folder), top=SHEET_COLUMNS, size=SQUARE, batch_size=20, workers=0, labels=labels,
        label_set="scenes" if labeled else None, most=NUM_HELD_OUT, bit_depth=bit_depth,
    )  # fmt: skip
    write_gallery(
        gallery, out, read=lambda path: read_square(path, SQUARE, exif=not labeled, bit_depth=bit_depth),
        class_names=CLASSES, title="Prototypes", sheet_rows=SHEET_ROWS,
    )  # fmt: skip
    return out / "sheet.png"


def make_columns(shown: LabeledImages, groups: dict[str, GroupedImages]) -> dict[str, list[np.ndarray]]:
    """The images to show, with groups in the colors of the classes they stand for where there are labels."""
    images = shown.images[:NUM_SHOWN]
    columns = {"image": list(images)}
    for when, grouped in groups.items():
        maps = grouped.maps[:NUM_SHOWN]
        columns[when] = overlays(images, maps if grouped.classes is None else grouped.classes[maps])
    if shown.labels is not None:
        columns["labels"] = overlays(images, shown.labels[:NUM_SHOWN])
    return columns


def describe(data: Path | None, config: Config, runner: Runner) -> dict[str, Any]:
    """Title and words of the report."""
    size = f"{len(runner.train_dataloader.dataset)} images, {config.train_cfg.max_epochs} epochs"
    if data:
        return dict(
            title="SlotCon quickstart on your images",
            summary=f"A small SlotCon, pretrained on {size} of {data}. Each color is a prototype.",
            note="There are no labels, so there is no score: look whether a color means the same thing everywhere.",
        )
    return dict(
        title="SlotCon quickstart",
        summary=f"A small SlotCon, pretrained without labels on {size} of generated scenes; shown are held-out scenes.",
        note=f"Groups are matched one to one with the {len(CLASSES)} classes (Hungarian matching on pixels of all "
        f"{NUM_HELD_OUT} held-out scenes); mIoU is their mean, small things included. Colors are those of the class "
        "that a group is matched to.",
    )


def describe_transfer(table: list[Comparison]) -> str:
    if not table:
        return ""
    note = (
        f"Fine-tuned on {NUM_LABELED} labeled scenes by the same recipe, from random and from the teacher's weights; "
        f"mean and standard deviation over {len(table[0].random)} seeds, in %, on the held-out scenes."
    )
    return note if has_detection() else f"{note} Mask R-CNN needs mmdet: bash tools/setup_env.sh det,seg"


def save_scores(path: Path, rows: list[Row], table: list[Comparison], seed: int) -> None:
    scores = {row.name: dict(mean_iou=row.mean_iou, pixel_accuracy=row.pixel_accuracy) for row in rows}
    transfer = {row.benchmark: dict(random=row.random, pretrained=row.pretrained) for row in table}
    path.write_text(json.dumps(dict(seed=seed, scores=scores, transfer=transfer), indent=2) + "\n")
