"""Quickstart from data to report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner

from slotcon_mm.checkpoints.latest import resolve_checkpoint
from slotcon_mm.checkpoints.plain_config import read_plain_config
from slotcon_mm.checkpoints.view_size import views_of_config
from slotcon_mm.datasets.image_lists import list_images
from slotcon_mm.datasets.labeled_images import LabeledImages
from slotcon_mm.evaluation.frozen.table import Row as FeatureRow
from slotcon_mm.evaluation.frozen.table import as_text, cells_of
from slotcon_mm.evaluation.supervised_fcn import supervised_fcn
from slotcon_mm.inference.fill_gallery import fill_gallery, read_square
from slotcon_mm.inference.group_names import fingerprint_of, propose_names
from slotcon_mm.launch.fine_tuning import has_detection
from slotcon_mm.launch.run_length import length_options
from slotcon_mm.launch.runner import build_runner
from slotcon_mm.launch.start_checks import check_start
from slotcon_mm.launch.training import train
from slotcon_mm.quickstart.color_baseline import best_color_kmeans
from slotcon_mm.quickstart.features import Features
from slotcon_mm.quickstart.groups import GroupedImages, group_images
from slotcon_mm.quickstart.material import (
    NUM_HELD_OUT,
    NUM_SHOWN,
    NUM_TRAIN,
    SIZE,
    GivenLabels,
    Material,
    own_images,
    own_labeled_images,
    scenes,
)
from slotcon_mm.quickstart.progress_hook import ProgressHook
from slotcon_mm.quickstart.report import Row, overlays, write_report
from slotcon_mm.quickstart.transfer import NUM_LABELED, Comparison, compare_transfer
from slotcon_mm.visualization.curves import write_curves
from slotcon_mm.visualization.gallery_page import write_gallery

__all__ = ["run_quickstart"]

CONFIGS = Path(__file__).parents[1] / ".mim/configs"
METHODS = {"slotcon": ("SlotCon", "slotcon_r18_quickstart.py"), "slotmim": ("SlotMIM", "slotmim_vit-t16_quickstart.py")}
SHEET_ROWS, SHEET_COLUMNS = 12, 8
# shorter side of an image of 256 x 192 in the network, in sides of a view: the scale at which views show it, on average
SHORTER_SIDE = 1.5
FEWEST_PROTOTYPES, PROTOTYPES_A_CLASS, MOST_PROTOTYPES = 32, 3, 256
FCN_STEPS = 700


def run_quickstart(
    data: Path | None, work_dir: Path, *, seed: int, epochs: int | None, lr: float | None, transfer: bool = False,
    bit_depth: int | None = None, labels: GivenLabels | None = None, method: str = "slotcon",
) -> Path:  # fmt: skip
    """Pretrains and writes checkpoint, curves, scores and the report into ``work_dir``; returns the report's path.

    Args:
        data: Folder of images; None: generated scenes.
        work_dir: Made if it is not there.
        seed: Of the run, and of which labeled images are held out.
        epochs: None: the config's, or on images of one's own as many steps.
        lr: None: the config's.
        transfer: Fine-tune too; on scenes only.
        bit_depth: Of ``LoadImage``.
        labels: Of ``data``; with them there are scores.
        method: One of ``METHODS``.
    """
    name, file = METHODS[method]
    if transfer and method != "slotcon":
        raise ValueError(f"expected --transfer with --method slotcon, got {method}: fine-tuning is that of a ResNet")
    if data and transfer:
        raise ValueError("expected --transfer without --data: fine-tuning needs masks, which the scenes have")
    if labels and not data:
        raise ValueError("expected --data with --labels, got none: generated scenes have labels of their own")
    work_dir.mkdir(parents=True, exist_ok=True)
    if data is None:
        material = scenes(work_dir / "scenes")
    elif labels is None:
        material = own_images(data, bit_depth)
    else:
        material = own_labeled_images(data, labels, seed, bit_depth)
    config = make_config(CONFIGS / file, data, material, work_dir, seed=seed, epochs=epochs, lr=lr, bit_depth=bit_depth)

    side = round(SHORTER_SIDE * min(views_of_config(config)))
    groups: dict[str, GroupedImages] = {}
    runner = build_runner(config, [])
    check_start(runner)
    labeled = material.read_train() if material.read_train else None
    features = None
    if labeled:
        plain = read_plain_config(runner.cfg.pretty_text)
        features = Features(plain, labeled, material.shown, material.classes, seed, side)
    progress = ProgressHook(
        lambda model: groups.update(before=group_images(model, material.shown, len(material.classes), side)),
        features.watch if features else None,
    )
    runner.register_hook(progress)
    train(runner)
    groups["after"] = group_images(runner.model, material.shown, len(material.classes), side)

    sheet = make_sheet(runner.model, material, work_dir / "prototypes", side, bit_depth=bit_depth)
    rows, table, frozen = [], [], []
    if labeled and features:
        frozen = features.table(runner.model)
        rows = compare(name, config, labeled, material, groups, seed)
        if transfer:
            checkpoint = resolve_checkpoint(work_dir, "--transfer")
            table = compare_transfer(
                config, checkpoint, material.root, labeled, material.shown, len(material.classes), work_dir
            )
    write_curves(work_dir / "curves.png", progress.curves(), across="step")
    report = work_dir / "report.html"
    write_report(report, rows=rows, columns=make_columns(material.shown, groups), curves=work_dir / "curves.png",
                 sheet=sheet, features=cells_of(frozen), transfer=[row.cells() for row in table],
                 transfer_note=describe_transfer(table), **describe(name, data, material, config, runner))  # fmt: skip
    save_scores(work_dir / "scores.json", rows, frozen, table, seed)
    for row in rows:
        print(f"{row.name:42s} mIoU {100 * row.mean_iou:5.1f} %   pixel accuracy {100 * row.pixel_accuracy:5.1f} %")
    if frozen:
        print("\n" + as_text(frozen))
    for comparison in table:
        print("{:28s} random {:12s}   pretrained {:12s}   difference {}".format(*comparison.cells()))
    return report


def make_config(
    file: Path, data: Path | None, material: Material, work_dir: Path, *, seed: int, epochs: int | None,
    lr: float | None, bit_depth: int | None = None,
) -> Config:  # fmt: skip
    config = Config.fromfile(file)
    config.work_dir, config.launcher, config.log_level = str(work_dir), "none", "WARNING"
    config.randomness = dict(seed=seed)
    dataset = config.train_dataloader.dataset
    dataset.data_root = str(material.root)
    dataset.pipeline[0].bit_depth = bit_depth
    if data:
        dataset.folders = [""]
        # some for each class, as on the scenes
        wanted = PROTOTYPES_A_CLASS * len(material.classes)
        config.model.neck.num_prototypes = max(FEWEST_PROTOTYPES, min(wanted, MOST_PROTOTYPES))
        count = max(1, len(list_images(data)))
        config.train_dataloader.batch_size = min(config.train_dataloader.batch_size, count)
        if epochs is None:
            # as many steps as on the scenes, whatever the number of images
            epochs = max(1, round(config.train_cfg.max_epochs * NUM_TRAIN / count))
    config.train_cfg.max_epochs = epochs or config.train_cfg.max_epochs
    config.merge_from_dict(length_options(str(file), config.train_cfg.max_epochs))
    if lr is not None:
        config.optim_wrapper.optimizer.lr = lr
    return config


def compare(
    method: str, config: Config, train: LabeledImages, material: Material, groups: dict[str, GroupedImages], seed: int
) -> list[Row]:
    """The score table: this run, the baselines and the ceiling."""
    print("scoring the baselines: k-means on color, and a small network with all labels (a minute)")
    shown, num_classes = material.shown, len(material.classes)
    scores = {
        "color k-means (best of RGB, Lab, smooth Lab)": best_color_kmeans(shown, num_classes, seed=seed),
        f"{method} before training": groups["before"].scores,
        f"{method} after training": groups["after"].scores,
        "supervised FCN (all labels): the ceiling": supervised_fcn(
            config.model.backbone, config.model.neck.in_channels, train, shown, num_classes,
            steps=FCN_STEPS, seed=seed,
        ),
    }  # fmt: skip
    return [Row(name, s.mean_iou, s.pixel_accuracy, "after" in name) for name, s in scores.items() if s is not None]


def make_sheet(model: Any, material: Material, out: Path, side: int, *, bit_depth: int | None = None) -> Path:
    """Writes the page of prototypes into ``out``; returns its contact sheet."""
    model.eval()
    gallery, _ = fill_gallery(
        model, str(material.sheet_folder), top=SHEET_COLUMNS, size=side, batch_size=20, workers=0,
        most=NUM_HELD_OUT, bit_depth=bit_depth, **material.sheet_options,
    )  # fmt: skip
    write_gallery(
        gallery, out, read=lambda path: read_square(path, side, exif=not material.classes, bit_depth=bit_depth),
        class_names=material.classes, title="Prototypes", fingerprint=fingerprint_of(model),
        names=propose_names(gallery.confusion_KC, material.classes), sheet_rows=SHEET_ROWS,
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


def describe(method: str, data: Path | None, material: Material, config: Config, runner: Runner) -> dict[str, Any]:
    """Title and words of the report."""
    size = f"{len(runner.train_dataloader.dataset)} images, {config.train_cfg.max_epochs} epochs"
    if data and not material.classes:
        return dict(
            title=f"{method} quickstart on your images",
            summary=f"A small {method}, pretrained on {size} of {data}. Each color is a prototype.",
            note="There are no labels, so there is no score: look whether a color means the same thing everywhere.",
        )
    matched = (
        f"Groups are matched one to one with the {len(material.classes)} classes (Hungarian matching on pixels of "
        f"{material.held_out}); mIoU is their mean, {{}}. Colors are those of the class that a group is matched to."
    )
    if data:
        width, height = SIZE
        return dict(
            title=f"{method} quickstart on your images",
            summary=f"A small {method}, pretrained without labels on {size} of {data}, those that are scored among "
            "them. Shown are scored images.",
            note=matched.format("over those that occur")
            + f" The middle of each image is scored, at {width} x {height} pixels. The supervised network was trained "
            "with the labels of the other images.",
        )
    return dict(
        title=f"{method} quickstart",
        summary=f"A small {method}, pretrained without labels on {size} of generated scenes; shown are held-out ones.",
        note=matched.format("small things included"),
    )


def describe_transfer(table: list[Comparison]) -> str:
    if not table:
        return ""
    note = (
        f"Fine-tuned on {NUM_LABELED} labeled scenes by the same recipe, from random and from the teacher's weights; "
        f"mean and standard deviation over {len(table[0].random)} seeds, in %, on the held-out scenes."
    )
    return note if has_detection() else f"{note} Mask R-CNN needs mmdet: bash tools/setup_env.sh det,seg"


def save_scores(path: Path, rows: list[Row], frozen: list[FeatureRow], table: list[Comparison], seed: int) -> None:
    scores = {row.name: dict(mean_iou=row.mean_iou, pixel_accuracy=row.pixel_accuracy) for row in rows}
    transfer = {row.benchmark: dict(random=row.random, pretrained=row.pretrained) for row in table}
    features = {row.name: {name: row.percent(name)[0] for name in row.scores} for row in frozen}
    found = dict(seed=seed, scores=scores, features=features, transfer=transfer)
    path.write_text(json.dumps(found, indent=2) + "\n")
