"""An adaptation from images and weights to the report."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config
from mmengine.runner import Runner

from slotcon_mm.adaptation.before_after import measure
from slotcon_mm.adaptation.report import write_report
from slotcon_mm.adaptation.start import config_for, write_start
from slotcon_mm.adaptation.verdict import Verdict
from slotcon_mm.atomic_files import write_atomically
from slotcon_mm.checkpoints.exporting import export_file
from slotcon_mm.checkpoints.latest import resolve_checkpoint
from slotcon_mm.checks import expect_positive
from slotcon_mm.datasets.check import check_folder
from slotcon_mm.datasets.image_lists import lines_of, read_list
from slotcon_mm.datasets.label_map_dataset import label_map_path, without_label_maps
from slotcon_mm.datasets.label_sources import labels_are_instances
from slotcon_mm.engine.hooks.start_guard_hook import GUARD_FILE, read_guard
from slotcon_mm.launch.arguments import training_arguments
from slotcon_mm.launch.configs import is_pretraining, read_config
from slotcon_mm.launch.evaluation_command import Table
from slotcon_mm.launch.evaluation_while_training import Often
from slotcon_mm.launch.overrides import merge_overrides
from slotcon_mm.launch.run_length import length_options
from slotcon_mm.launch.training import prepare_training
from slotcon_mm.launch.whole_training import run_training

__all__ = ["Adaptation", "run_adaptation"]


class Adaptation(NamedTuple):
    """What came of it.

    Attributes:
        backbone: File of the weights to use: the adapted ones, or those that it started from.
        handed_back: Which these are: ``adapted``, ``best`` (of an earlier epoch) or ``start``.
        table: Of the start and of what training ended with.
        verdict: In words.
        report: The page.
    """

    backbone: Path
    handed_back: str
    table: Table
    verdict: Verdict
    report: Path


def run_adaptation(args: argparse.Namespace) -> Adaptation:
    """Checks the images, trains, measures before and after, and writes the report into ``args.out``.

    A second call with the same folder continues a run that was interrupted.

    Args:
        args: Of ``adaptation_parser``.

    Raises:
        ValueError: Images, weights, labels or options do not fit; the message says what to do.
    """
    expect_positive(validations=args.validations, **({} if args.epochs is None else dict(epochs=args.epochs)))
    args.out.mkdir(parents=True, exist_ok=True)
    images = checked_images(args)
    path = args.config or str(config_for(args.weights, args.cfg_options))
    begin_from = write_start(args.weights, pretraining_config(path, args.cfg_options), args.out / "start.pth")
    runner, has_labels = train_guarded(args, path, images, begin_from)
    handed_back, checkpoint = hand_back(args.out, Path(runner.work_dir), guarded=has_labels and not args.no_guard)
    table, verdict = measure(args, runner, has_labels)
    report = write_report(args, runner, images, table, verdict, handed_back, checkpoint)
    return Adaptation(args.out / "backbone.pth", handed_back, table, verdict, report)


def checked_images(args: argparse.Namespace) -> Path:
    """The list of images that can be read, each once; what else there is, is said."""
    found = check_folder(args.folder, args.out / "images", workers=max(1, args.workers))
    said = [f"{found.images} images in {args.folder}"]
    for names, what, file in ((found.bad, "cannot be read", "bad"), (found.duplicates, "are copies", "duplicates")):
        said += [f"{len(names)} {what} and are left out ({args.out}/images/{file}.txt)"] if names else []
    listed, left = leave_out_label_maps(args, found.clean)
    said += [f"{left} are label maps and are left out"] if left else []
    print("; ".join(said), flush=True)
    return listed.resolve()


def leave_out_label_maps(args: argparse.Namespace, listed: Path) -> tuple[Path, int]:
    """The list of images without label maps that lie among them, and how many these are."""
    if not args.labels or labels_are_instances(args.labels):
        return listed, 0
    files = read_list(str(listed), args.folder)
    images = without_label_maps(
        files,
        args.folder,
        lambda file: label_map_path(file, args.folder, args.labels, args.image_suffix, args.label_suffix),
    )
    if len(images) == len(files):
        return listed, 0
    kept = listed.with_name("without-label-maps.txt")
    write_atomically(kept, lines_of(os.path.relpath(image, args.folder) for image in images))
    return kept, len(files) - len(images)


def pretraining_config(path: str, options: Sequence[str] | None) -> Config:
    config = read_config(path)
    merge_overrides(config, options)
    if not config.get("model") or not is_pretraining(config):
        raise ValueError(f"expected a pretraining config for --config, got {path}, which trains another model or none")
    return config


def train_guarded(args: argparse.Namespace, path: str, images: Path, begin_from: str) -> tuple[Runner, bool]:
    """The runner, trained to its end or to where the guard stopped it; and whether there are labels."""
    has_labels = bool(args.labels or args.evaluation_data)
    start = prepare_training(arguments_of_run(args, path, images, begin_from, has_labels=has_labels))
    config = start.config
    if has_labels:
        # so that what a validation finds fault with is there to be looked at
        config.default_hooks.checkpoint.interval = config.train_cfg.val_interval
    if has_labels and not args.no_guard:
        config.custom_hooks.append(dict(type="slotcon_mm.StartGuardHook"))
    is_over = not args.no_guard and stopped_by_guard(Path(config.work_dir))
    return run_training(start, is_over=is_over), has_labels


def arguments_of_run(
    args: argparse.Namespace, path: str, images: Path, begin_from: str, *, has_labels: bool
) -> argparse.Namespace:
    """Of train.py: the options that both have are passed on."""
    given = training_arguments(
        path, "--work-dir", str(args.out / "run"), "--resume", "auto", "--pretrained", begin_from
    )
    shared = {name: value for name, value in vars(args).items() if name in vars(given) and name != "config"}
    run = argparse.Namespace(**{**vars(given), **shared})
    options = [
        f"train_dataloader.dataset.data_root={Path(args.folder).resolve()}",
        f"train_dataloader.dataset.ann_file={images}",
        f"train_dataloader.num_workers={args.workers}",
        f"randomness.seed={args.seed}",
    ]
    options += [f"{key}={value}" for key, value in length_options(path, args.epochs).items()]
    options += [f"optim_wrapper.optimizer.lr={args.lr}"] if args.lr else []
    run.cfg_options = [*options, *(args.cfg_options or [])]
    if has_labels:
        run.evaluate_every, run.images = Often(args.validations), args.images or args.folder
    return run


def stopped_by_guard(work_dir: Path) -> bool:
    """Whether the run's latest validation has fallen below the start."""
    return (work_dir / GUARD_FILE).is_file() and read_guard(work_dir).fell


def hand_back(out: Path, work_dir: Path, *, guarded: bool) -> tuple[str, Path | None]:
    """Writes ``backbone.pth``: what training ended with or, if the guard stopped it, the best before or the start.

    Returns:
        Which it is, ``adapted``, ``best`` or ``start``, and the checkpoint that it is of; none of the start.
    """
    fell = guarded and stopped_by_guard(work_dir)
    best = sorted(work_dir.glob("best_knn_mIoU_epoch_*.pth"))
    kind = "adapted" if not fell else "best" if best and read_guard(work_dir).best else "start"
    target = out / "backbone.pth"
    target.unlink(missing_ok=True)
    if kind == "start":
        target.write_bytes((out / "start.pth").read_bytes())
        return kind, None
    checkpoint = best[-1] if kind == "best" else resolve_checkpoint(work_dir, "--out")
    export_file(checkpoint, target)
    return kind, checkpoint
