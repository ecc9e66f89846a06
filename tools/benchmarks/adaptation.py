#!/usr/bin/env python
"""Does a start help, and what of the recipe does? Training on from weights of one style of scenes, on other images.

python tools/benchmarks/adaptation.py --out work_dirs/adaptation                      # everything, 3 seeds
python tools/benchmarks/adaptation.py --out work_dirs/adaptation --variants scratch adapted --steps 250
python tools/benchmarks/adaptation.py --out work_dirs/adaptation-labels --supervised  # the source has learned labels
python tools/benchmarks/adaptation.py --out work_dirs/adaptation-coco --data COCO --label-set coco-stuff-27 --steps 248
python tools/benchmarks/adaptation.py --out work_dirs/adaptation --table              # what is there so far

A network is pretrained on ``day`` scenes, or trained with their labels. Then it is trained on in ``night`` scenes, or
on the images of a folder in COCO's layout, by each variant, and scored there. What is done is not done again: start it
again after an interruption.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

from budget import expect_same_budget
from measure import machine_line
from mmengine.config import Config
from mmengine.logging import MMLogger

import slotcon_mm  # noqa: F401
from slotcon_mm.atomic_files import write_atomically
from slotcon_mm.checkpoints.exporting import export_file
from slotcon_mm.checkpoints.formats import export_backbone
from slotcon_mm.checkpoints.network_facts import facts_of_config
from slotcon_mm.checkpoints.publish import write_weights
from slotcon_mm.datasets.image_lists import list_images
from slotcon_mm.datasets.label_sets import label_set_of
from slotcon_mm.datasets.labeled_images import read_labeled
from slotcon_mm.datasets.scenes import write_scenes
from slotcon_mm.evaluation.frozen.evaluate import Choices, evaluate_network
from slotcon_mm.evaluation.frozen.grids import Reading
from slotcon_mm.evaluation.frozen.parts import LabeledParts
from slotcon_mm.evaluation.frozen.weights import network_of_weights
from slotcon_mm.evaluation.supervised_fcn import train_fcn
from slotcon_mm.evaluation.transfer_table import spread
from slotcon_mm.launch.arguments import training_arguments
from slotcon_mm.launch.console import hosts_kept_quiet
from slotcon_mm.launch.label_arguments import add_class_arguments, classes_from
from slotcon_mm.launch.training import prepare_training
from slotcon_mm.launch.whole_training import run_training

CONFIG = Path(__file__).resolve().parents[2] / "configs/adapt/slotcon_r18_scenes.py"
NUM_IMAGES, NUM_LABELED = 800, 200
BATCH, LR = 16, 1.0  # half the quickstart's, for a machine of two cores
SIZE = 256, 192  # of a folder's scored images, as of scenes
SHORTER_SIDE = 96  # of scored images: views of 64 show half of an image's area on average
MEASURES = ("knn", "probe")
STEPS = (100, 250, 500, 1000)
STYLES = "day", "night"
SOURCE_STEPS, SOURCE_SEED = 2000, 1000  # no run from scratch begins where the source began
SUPERVISED_STEPS, CHANNELS = 1000, 128  # an FCN's, and of its backbone's features

RATE, DECAY = (f"optim_wrapper.paramwise_cfg.{name}" for name in ("backbone_lr_mult", "layer_decay_rate"))
OFF: dict[str, Any] = {"adaptation.cluster_prototypes": False, "adaptation.heads_first": 0.0}

# what each changes of the config; all but the first two start from the source's backbone alone
SCRATCH, WHOLE = "scratch", "whole"
VARIANTS: dict[str, dict[str, Any]] = {
    SCRATCH: OFF,
    WHOLE: OFF,  # projector and prototypes of the source too, which other libraries' weights do not have
    "adapted": {},  # as tools/adapt.py does it
    "without_clusters": {"adaptation.cluster_prototypes": False},
    "without_heads_first": {"adaptation.heads_first": 0.0},
    "continued": OFF,
    "third": {RATE: 0.3},
    "decay": {DECAY: 0.7},
    "anchor_features": {"model.anchor": dict(distance="features", weight=1.0)},
    "anchor_similarities": {"model.anchor": dict(distance="similarities", weight=10.0)},
}


class Target(NamedTuple):
    """What is trained on, a folder in COCO's layout, and scored on."""

    root: Path
    num_images: int
    parts: LabeledParts


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for scenes, runs and numbers")
    parser.add_argument("--variants", nargs="+", choices=[*VARIANTS], default=[*VARIANTS])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="default: 0 1 2")
    parser.add_argument("--steps", nargs="+", type=int, default=STEPS, help="lengths of training, in whole epochs")
    parser.add_argument("--source", help="weights to start from; default: trained on day scenes for 2,000 steps")
    parser.add_argument("--supervised", action="store_true", help="the source has learned the labels of day scenes")
    parser.add_argument("--data", type=Path, help="images to adapt to, in COCO's layout; default: night scenes")
    add_class_arguments(parser)
    parser.add_argument("--table", action="store_true", help="print what is there, and stop")
    args = parser.parse_args()
    if args.supervised and args.source:
        parser.error("expected --source, or --supervised, which makes one, got both")
    if args.supervised:
        args.variants = [variant for variant in args.variants if variant != WHOLE]  # labels teach no prototypes
    return args


def main() -> None:
    with hosts_kept_quiet():
        args = parse_arguments()
        if not args.table:
            try:
                run(args)
            except (ValueError, OSError) as error:
                sys.exit(f"error: {error}")
        print_table(args.out)


def run(args: argparse.Namespace) -> None:
    MMLogger.get_instance("mmengine", log_level="WARNING")
    label_set = classes_from(args, f"--data {args.data}") if args.data else "scenes"
    budget = dict(data=str(args.data), label_set=label_set, source=args.source, supervised=args.supervised)
    expect_same_budget(args.out / "budget.json", budget)
    target = read_target(args.data or scenes(args.out, "night"), label_set, size=SIZE if args.data else None)
    whole, backbone = source_given(args)
    starts = {SCRATCH: None, WHOLE: whole}
    score(args.out / "numbers/unchanged.json", backbone, target.parts)
    for steps in args.steps:
        for seed in args.seeds:
            for variant in args.variants:
                note = args.out / f"numbers/{variant}/steps-{steps}-seed-{seed}.json"
                if not note.is_file():
                    folder = args.out / f"runs/{variant}/steps-{steps}-seed-{seed}"
                    start = starts.get(variant, backbone)
                    pretrain(folder, target.root, target.num_images, steps, seed, VARIANTS[variant], start)
                    score(note, str(folder), target.parts)
                    print(f"{variant} {steps} steps, seed {seed}: {note.read_text()}", flush=True)


def read_target(root: Path, label_set: str | dict[str, Any], size: tuple[int, int] | None) -> Target:
    train, held_out = (
        read_labeled(root, split, NUM_LABELED, label_set=label_set, size=size).samples()
        for split in ("train2017", "val2017")
    )
    num_images = len(list_images(root, ["train2017"]))
    if num_images < BATCH:
        raise ValueError(f"expected {BATCH} images, a batch, in {root}/train2017 at least, got {num_images}")
    return Target(root, num_images, LabeledParts(train, held_out, label_set_of(label_set)))


def scenes(out: Path, style: str) -> Path:
    folder = out / style
    if not (folder / "annotations/instances_val2017.json").is_file():
        # another seed: the same one gives both styles related scenes
        write_scenes(
            folder, num_train=NUM_IMAGES, num_val=NUM_LABELED, seed=STYLES.index(style), style=style,
            workers=os.cpu_count() or 1,
        )  # fmt: skip
    return folder


def source_given(args: argparse.Namespace) -> tuple[str, str]:
    """A whole checkpoint to start from, and a file of its backbone alone, which is all there is of one with labels."""
    backbone = args.out / "source.pth"
    if args.supervised:
        if not backbone.is_file():
            learn_labels(scenes(args.out, "day"), backbone)
        return str(backbone), str(backbone)
    whole = args.source
    if whole is None:
        whole = str(args.out / "source")
        pretrain(Path(whole), scenes(args.out, "day"), NUM_IMAGES, SOURCE_STEPS, SOURCE_SEED, {}, None)
    if not backbone.is_file():
        export_file(whole, backbone)
    return whole, str(backbone)


def learn_labels(root: Path, file: Path) -> None:
    """An FCN's backbone, by torchvision's names."""
    train = read_labeled(root, "train2017", NUM_IMAGES, label_set="scenes")
    config = Config.fromfile(CONFIG)
    encoder, _ = train_fcn(
        config.model.backbone, CHANNELS, train, len(label_set_of("scenes").names),
        steps=SUPERVISED_STEPS, seed=SOURCE_SEED,
    )  # fmt: skip
    tensors = encoder.state_dict()
    # the strides are not torchvision's
    network = facts_of_config(config)
    exported = export_backbone(tensors, source="student", step=None, file_format="torchvision", network=network)
    write_weights(exported, file)


def score(note: Path, weights: str, parts: LabeledParts) -> None:
    """mIoU in % of the teacher's features, by evaluate.py's measures."""
    if note.is_file():
        return
    choices = Choices(MEASURES, (0,), reading=Reading(SHORTER_SIDE))
    found = evaluate_network(network_of_weights(weights), parts, choices)
    note.parent.mkdir(parents=True, exist_ok=True)
    numbers = {name: round(100 * scores[0].value, 3) for name, scores in found.items()}
    write_atomically(str(note), json.dumps(numbers).encode())


def pretrain(
    folder: Path, data: Path, num_images: int, steps: int, seed: int, changes: dict[str, Any], start: str | None
) -> None:
    """A run in its work dir, which is trained, or resumed, if it is not finished."""
    if (folder / "finished").is_file():
        return
    epochs, rest = divmod(steps, num_images // BATCH)
    if rest:
        raise ValueError(f"expected steps that are multiples of {num_images // BATCH}, an epoch, got {steps}")
    given = training_arguments(
        str(CONFIG), "--work-dir", str(folder), "--resume", "auto", *(["--pretrained", start] if start else [])
    )
    given.cfg_options = {
        "train_dataloader.dataset.data_root": str(data),
        "train_dataloader.dataset.folders": ["train2017"],
        "train_dataloader.batch_size": BATCH,
        "optim_wrapper.optimizer.lr": LR,
        "randomness.seed": seed,
        "train_cfg.max_epochs": epochs,
        "param_scheduler.warmup": min(1, epochs / 10),
        "log_level": "WARNING",
        "default_hooks.checkpoint.interval": max(1, epochs // 2),
        **changes,
    }
    run_training(prepare_training(given))
    write_atomically(str(folder / "finished"), b"")


def print_table(out: Path) -> None:
    """Mean and standard deviation over the seeds that are there, mIoU in %: linear probe / dense k-NN."""
    notes = sorted((out / "numbers").glob("*/steps-*.json"))
    lengths = sorted({int(path.stem.split("-")[1]) for path in notes})
    print("\n| | " + " | ".join(f"{steps} steps" for steps in lengths) + " |\n| --- |" + " --- |" * len(lengths))
    unchanged = out / "numbers/unchanged.json"
    if unchanged.is_file():
        found = json.loads(unchanged.read_text())
        print(f"| the source, unchanged | {found['probe']:.1f} / {found['knn']:.1f} |")
    for variant in VARIANTS:
        cells = []
        for steps in lengths:
            seeds = [json.loads(path.read_text()) for path in notes if path.match(f"{variant}/steps-{steps}-seed-*")]
            cells.append(
                " / ".join(spread([seed[name] for seed in seeds]) for name in ("probe", "knn")) if seeds else ""
            )
        if any(cells):
            print(f"| {variant} | " + " | ".join(cells) + " |")
    print("\n" + machine_line())


if __name__ == "__main__":
    main()
