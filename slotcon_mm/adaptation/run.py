"""An adaptation from images and weights to the report."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.runner import Runner

import slotcon_mm
from slotcon_mm.adaptation.report import write_report
from slotcon_mm.adaptation.start import config_for, write_start
from slotcon_mm.adaptation.verdict import Verdict, judge, without_labels
from slotcon_mm.checkpoints.exporting import export_file
from slotcon_mm.checkpoints.latest import latest_checkpoint, resolve_checkpoint
from slotcon_mm.checkpoints.view_size import bit_depth_of_config, views_of_config
from slotcon_mm.checks import expect_positive
from slotcon_mm.datasets.check import check_folder
from slotcon_mm.datasets.unlabeled_image_dataset import UnlabeledImageDataset
from slotcon_mm.engine.hooks.start_guard_hook import GUARD_FILE, read_guard
from slotcon_mm.evaluation.frozen import description_table
from slotcon_mm.evaluation.frozen.describe import MOST_IMAGES
from slotcon_mm.evaluation.frozen.description_table import write_descriptions
from slotcon_mm.evaluation.frozen.evaluate import Choices
from slotcon_mm.evaluation.frozen.grids import Reading
from slotcon_mm.evaluation.frozen.table import as_text, write_tables
from slotcon_mm.launch.configs import is_pretraining, read_config
from slotcon_mm.launch.describing import describe_weights, description_protocol
from slotcon_mm.launch.device import has_accelerator
from slotcon_mm.launch.evaluating import evaluate_weights, protocol_of
from slotcon_mm.launch.evaluation_command import Table
from slotcon_mm.launch.evaluation_while_training import Often
from slotcon_mm.launch.run_length import length_options
from slotcon_mm.launch.runner import build_runner
from slotcon_mm.launch.start_checks import check_start
from slotcon_mm.launch.training import lock_for_training, prepare_training, train
from slotcon_mm.models.input_sizes import usual_size

__all__ = ["Adaptation", "run_adaptation"]

MEASURES = ("knn", "probe", "retrieval")
NAMES = ("before", "after")


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
    path = args.config or str(config_for(args.weights))
    begin_from = write_start(args.weights, pretraining_config(path), args.out / "start.pth")
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
    print("; ".join(said), flush=True)
    return found.clean.resolve()


def pretraining_config(path: str) -> Config:
    config = read_config(path)
    if not config.get("model") or not is_pretraining(config):
        raise ValueError(f"expected a pretraining config for --config, got {path}, which trains another model or none")
    return config


def train_guarded(args: argparse.Namespace, path: str, images: Path, begin_from: str) -> tuple[Runner, bool]:
    """The runner, trained to its end or to where the guard stopped it; and whether there are labels."""
    has_labels = bool(args.labels or args.evaluation_data)
    given = training_arguments(args, path, images, begin_from, has_labels=has_labels)
    start = prepare_training(given)
    config = start.config
    if has_labels:
        # so that what a validation finds fault with is there to be looked at
        config.default_hooks.checkpoint.interval = config.train_cfg.val_interval
    if has_labels and not args.no_guard:
        config.custom_hooks.append(dict(type="slotcon_mm.StartGuardHook"))
    lock = lock_for_training(config)
    try:
        runner = build_runner(config, start.notes)
        check_start(runner, start.weights)
        if args.no_guard or not stopped_by_guard(Path(runner.work_dir)):
            train(runner)
    finally:
        del lock
    return runner, has_labels


def training_arguments(
    args: argparse.Namespace, path: str, images: Path, begin_from: str, *, has_labels: bool
) -> argparse.Namespace:
    """As train.py would parse them."""
    options = [
        f"train_dataloader.dataset.data_root={Path(args.folder).resolve()}",
        f"train_dataloader.dataset.ann_file={images}",
        f"train_dataloader.num_workers={args.workers}",
        f"randomness.seed={args.seed}",
    ]
    options += [f"{key}={value}" for key, value in length_options(path, args.epochs).items()]
    options += [f"optim_wrapper.optimizer.lr={args.lr}"] if args.lr else []
    settings: dict[str, Any] = dict(
        config=path,
        work_dir=str(args.out / "run"),
        cfg_options=[*options, *(args.cfg_options or [])],
        launcher="none",
        local_rank=0,
        resume="auto",
        pretrained=begin_from,
        pretrained_source=None,
        strict_pretrained=False,
        checkpoint_minutes=None,
        amp=False,
        auto_scale_lr=False,
        evaluate_every=None,
    )
    if has_labels:
        settings.update(evaluate_every=Often(args.validations), images=args.images or args.folder)
    return argparse.Namespace(**{**vars(args), **settings})


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
