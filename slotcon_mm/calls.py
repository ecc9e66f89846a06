"""The commands as functions, for notebooks and programs; each calls what the tool of its name calls."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from slotcon_mm.adaptation.arguments import adaptation_parser
from slotcon_mm.adaptation.run import Adaptation, run_adaptation
from slotcon_mm.checkpoints.exporting import export_file
from slotcon_mm.checkpoints.latest import resolve_checkpoint
from slotcon_mm.launch.arguments import parse_call, training_arguments
from slotcon_mm.launch.console import hosts_kept_quiet
from slotcon_mm.launch.evaluation_command import Table, evaluation_parser, tables_of
from slotcon_mm.launch.run_length import length_options
from slotcon_mm.launch.training import prepare_training
from slotcon_mm.launch.whole_training import run_training

__all__ = ["Pretraining", "adapt", "evaluate", "export", "pretrain"]

CONFIGS = Path(__file__).parent / ".mim/configs"


class Pretraining(NamedTuple):
    """``work_dir`` of the run, and its newest ``checkpoint``."""

    work_dir: Path
    checkpoint: Path


def pretrain(
    images: str | Path, out: str | Path, *, config: str | Path = "slotcon_r50_folder", weights: str | None = None,
    epochs: int | None = None, options: Mapping[str, Any] | None = None, device: str | None = None,
) -> Pretraining:  # fmt: skip
    """Pretrains on all images below a folder; called again with the same ``out``, it continues.

        run = slotcon_mm.pretrain("photos", "work_dirs/photos", epochs=200)
        slotcon_mm.export(run.checkpoint, "resnet50.safetensors", format="torchvision")

    Args:
        images: Folder of images, nested or not.
        out: Work dir: checkpoints and logs.
        config: Name of a config in ``configs/``, or a file.
        weights: To start from, as ``--pretrained`` takes them; None: random weights.
        epochs: None: the config's, or for the number of images where that says "auto".
        options: Values of the config by their keys, as ``--cfg-options`` takes them.
        device: ``'cpu'`` leaves a GPU alone.

    Raises:
        ValueError: Images, weights or options do not fit; the message says what to do.
        slotcon_mm.checks.RunStoppedError: The run ended early, with the reason.
    """
    shipped = CONFIGS / f"{config}.py"
    given = training_arguments(
        str(shipped if shipped.is_file() else config), "--work-dir", str(out), "--resume", "auto",
        *(["--pretrained", weights] if weights else []), *(["--device", device] if device else []),
    )  # fmt: skip
    given.cfg_options = {
        "train_dataloader.dataset.data_root": str(Path(images).resolve()),
        "train_dataloader.dataset.folders": [""],
        **length_options(given.config, epochs),
        **(options or {}),
    }
    with hosts_kept_quiet():
        run_training(prepare_training(given))
    return Pretraining(Path(out), resolve_checkpoint(out, "out"))


def adapt(
    images: str | Path, weights: str | Path, out: str | Path, *, labels: str | Path | None = None,
    classes: str | Path | None = None, label_set: str | None = None, config: str | Path | None = None,
    epochs: int | None = None, lr: float | None = None, seed: int = 0, guard: bool = True,
    options: Mapping[str, Any] | None = None, device: str | None = None, workers: int = 2, **others: Any,
) -> Adaptation:  # fmt: skip
    """Trains on from existing weights on your images, and measures whether it helped; see ``tools/adapt.py``.

        found = slotcon_mm.adapt("photos", "torchvision://resnet50", "adapted", labels="masks", classes="classes.txt")
        print(found.verdict); found.backbone; found.report

    Args:
        images: Folder of images, labeled or not.
        weights: To start from: a file, a work dir, ``torchvision://NAME`` or ``timm://NAME``.
        out: Folder for the run, ``backbone.pth`` and ``report.html``; an interrupted run in it is continued.
        labels: A label map for each of some images, at the same place below this folder, or COCO's JSON.
        classes: Text file of classes, a name a line; label maps need it, or ``label_set``, a published set.
        label_set: ``coco-stuff-27``, ``cityscapes-27``, ...
        config: A pretraining config; None: that of ``configs/adapt`` for these weights.
        epochs: None: the config's, or for the number of images where that says "auto".
        lr: Of projector and heads; None: the config's.
        seed: Of the run.
        guard: With labels: whether training stops where the weights become worse than the start.
        options: Values of the config by their keys, as ``--cfg-options`` takes them.
        device: ``'cpu'`` leaves a GPU alone.
        workers: Processes that read images.
        **others: Further options of ``tools/adapt.py``: ``held_out_share=0.5``, say.

    Raises:
        ValueError: Images, weights, labels or options do not fit; the message says what to do.
    """
    given = dict(
        labels=labels, classes=classes, label_set=label_set, config=config, epochs=epochs, lr=lr, seed=seed,
        device=device, workers=workers, **others,
    )  # fmt: skip
    fixed = [str(images), "--from", str(weights), "--out", str(out), *([] if guard else ["--no-guard"])]
    fixed += ["--cfg-options", *(f"{key}={value}" for key, value in options.items())] if options else []
    with hosts_kept_quiet():
        return run_adaptation(parsed(adaptation_parser(), fixed, given))


def evaluate(
    weights: str | Path | Sequence[str | Path], images: str | Path, labels: str | Path | None = None, *,
    classes: str | Path | None = None, label_set: str | None = None, backbone: str | None = None,
    measures: str | Sequence[str] = (), seeds: int = 1, size: int | None = None, out: str | Path | None = None,
    device: str | None = None, workers: int = 2, **others: Any,
) -> Table:  # fmt: skip
    """Measures what frozen features are worth on labeled images; see ``tools/evaluate.py``.

        found = slotcon_mm.evaluate(["work_dirs/photos", "resnet50.pth"], "photos", "masks", classes="classes.txt")
        print(found.text)
        found.rows[0].percent("knn")    # mIoU in %, a number a seed

    Without labels, rank, stability and use of prototypes are told, and that labels would tell more.

    Args:
        weights: A work dir, a file or an address, or several; each is a row.
        images: Folder of images, nested or not.
        labels: A label map for each, at the same place below this folder, or COCO's JSON.
        classes: Text file of classes, a name a line; label maps need it, or ``label_set``, a published set.
        label_set: ``coco-stuff-27``, ``cityscapes-27``, ...
        backbone: What network plain weights are of: a config, ``torchvision/NAME`` or ``timm/NAME``.
        measures: ``knn``, ``retrieval``, ``probe``, ``kmeans``, ``kmeans-x5``, ``discovery``, ``fg-ari``;
            all by default.
        seeds: How often each is measured.
        size: Pixels of images' shorter side in the network; None: the scale of its training.
        out: Folder for the table as text, Markdown, CSV and JSON.
        device: ``'cpu'`` leaves a GPU alone.
        workers: Processes that read images.
        **others: Further options of ``tools/evaluate.py``: ``held_out_share=0.5``, say.

    Raises:
        ValueError: Weights, images, labels or options do not fit; the message says what to do.
    """
    rows = [weights] if isinstance(weights, str | Path) else weights
    given = dict(
        images=images, labels=labels, classes=classes, label_set=label_set, backbone=backbone, seeds=seeds, size=size,
        out=out, device=device, workers=workers, measures=measures or None, **others,
    )  # fmt: skip
    with hosts_kept_quiet():
        *_, table = tables_of(parsed(evaluation_parser(), [*map(str, rows)], given))
    return table


def export(weights: str | Path, path: str | Path, format: str = "mm", source: str | None = None) -> Path:
    """Writes the backbone of a checkpoint or work dir in the form that a library reads; prints what there is to say.

        slotcon_mm.export("work_dirs/photos", "resnet50.safetensors", format="torchvision")

    Args:
        weights: A checkpoint of this package, a work dir, or an export.
        path: A new file; ``.safetensors`` holds weights alone, ``.pkl`` is Detectron2's.
        format: ``mm`` (OpenMMLab), ``torchvision``, ``timm`` or ``detectron2``.
        source: ``'teacher'`` or ``'student'``; by default the teacher where there is one.

    Raises:
        FileExistsError: Nothing is overwritten.
        ValueError: There is no backbone, or the library has no names for it.
    """
    for line in export_file(weights, Path(path), format, source):
        print(line)
    return Path(path)


def parsed(parser: argparse.ArgumentParser, fixed: list[str], given: Mapping[str, Any]) -> argparse.Namespace:
    """As the command line of a tool would be; what is None is left to its default, and True is a flag.

    Raises:
        ValueError: The tool has no such option, or it takes no such value.
    """
    options: list[str] = []
    for name, value in given.items():
        if value is None or value is False:
            continue
        values = [] if value is True else value if isinstance(value, list | tuple) else [value]
        options += [f"--{name.replace('_', '-')}", *map(str, values)]
    return parse_call(parser, [*fixed, *options])
