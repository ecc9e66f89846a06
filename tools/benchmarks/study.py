#!/usr/bin/env python
"""Does it learn? SlotCon, or SlotMIM, beside other methods under one budget, and beside random weights.

python tools/benchmarks/study.py --out work_dirs/study                            # generated scenes, 3 seeds
python tools/benchmarks/study.py --out work_dirs/study --methods slotcon_k16 slotcon_k256   # ablations, by config
python tools/benchmarks/study.py --out work_dirs/study-vit --backbone vit-t16 --no-fine-tuning   # SlotMIM and others
python tools/benchmarks/study.py --out work_dirs/study --table                    # what is there so far
python tools/benchmarks/study.py --out work_dirs/study-coco --data COCO --label-set coco-stuff-27 --epochs 240
python tools/benchmarks/study.py --out work_dirs/study-own --data FOLDER --classes classes.txt      # your own classes

Every method sees the same images, views, batches and epochs, has the same backbone, and gets the same number of
learning rates to try, on seed 0, chosen by neighbors' votes within the training images (an ablation takes
its method's). Frozen features are then clustered, probed and retrieved, and an FCN is fine-tuned, and a ResNet's Mask
R-CNN where mmdet is and the data has instances. What is done is not done again: start it again after an interruption.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import unaligned_views  # noqa: F401  (registers what a config names)
from budget import expect_same_budget
from measure import machine_line
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmpretrain.registry import MODELS
from torch import nn

import slotcon_mm  # noqa: F401
from slotcon_mm.atomic_files import write_atomically
from slotcon_mm.checkpoints.backbone import backbone_of
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local
from slotcon_mm.checks import expect_positive
from slotcon_mm.datasets.image_lists import list_images
from slotcon_mm.datasets.label_sets import LabelSet, label_set_of
from slotcon_mm.datasets.labeled_images import LabeledImages, read_labeled
from slotcon_mm.datasets.scenes import write_scenes
from slotcon_mm.evaluation.frozen.evaluate import Choices, evaluate_network
from slotcon_mm.evaluation.frozen.grids import Reading
from slotcon_mm.evaluation.frozen.networks import FrozenNetwork, frozen
from slotcon_mm.evaluation.frozen.parts import LabeledParts
from slotcon_mm.evaluation.frozen.weights import IMAGENET
from slotcon_mm.evaluation.supervised_fcn import supervised_fcn
from slotcon_mm.evaluation.transfer_table import spread
from slotcon_mm.launch.arguments import training_arguments
from slotcon_mm.launch.console import hosts_kept_quiet
from slotcon_mm.launch.fine_tuning import has_detection, has_instances, mask_rcnn
from slotcon_mm.launch.label_arguments import add_class_arguments, classes_from
from slotcon_mm.launch.run_length import length_options
from slotcon_mm.launch.training import prepare_training
from slotcon_mm.launch.whole_training import run_training

CONFIGS = Path(__file__).resolve().parents[2] / "configs/study"
# by backbone, as in the configs' names
METHODS = {"r18": ("slotcon", "densecl", "mocov2", "byol", "simsiam"), "vit-t16": ("slotmim", "slotcon", "densecl")}
RANDOM = "random"
RATES = (1.0, 4.0, 16.0, 64.0)  # times the published learning rate: a thousand steps may ask for longer ones
NUM_TRAIN, NUM_HELD_OUT, NUM_LABELED, NUM_TUNING = 1000, 200, 200, 50
SIZE = 256, 192  # of evaluated images
SHORTER_SIDE = {"r18": 96, "vit-t16": 192}  # of them in the network: views of 64 and 128 show half of an image's area
CHANNELS = {"r18": 128, "vit-t16": 96}  # of features
FCN_STEPS = 300
PUBLISHED_QUEUE = 65_536  # MoCo's and DenseCL's
FROZEN = {"clusters": "kmeans", "probe": "probe", "neighbors": "knn"}  # names here, and in evaluate.py
MEASURES = {
    "clusters": "k-means, mIoU",
    "probe": "linear probe, mIoU",
    "neighbors": "dense k-NN, mIoU",
    "fcn": "FCN fine-tuned, mIoU",
    "box_ap50": "Mask R-CNN, box AP50",
    "mask_ap50": "Mask R-CNN, mask AP50",
}


class Data(NamedTuple):
    """A folder in COCO's layout, its labeled images, and what their labels mean."""

    root: Path
    num_unlabeled: int
    train: LabeledImages
    held_out: LabeledImages
    label_set: LabelSet


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for data, runs and numbers")
    parser.add_argument("--data", type=Path, help="a folder in COCO's layout; default: generated scenes")
    add_class_arguments(parser)
    parser.add_argument("--backbone", choices=[*METHODS], default="r18", help="default: r18")
    parser.add_argument(
        "--methods", nargs="+", help=f"configs of {CONFIGS.name}/; default: all that are no ablations, and {RANDOM}"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="default: 0 1 2")
    parser.add_argument("--epochs", type=int, help="default: the config's")
    parser.add_argument(
        "--rates",
        nargs="+",
        type=float,
        default=RATES,
        help="tried, times the config's, which is the published one; default: 1 4 16 64",
    )
    parser.add_argument("--no-fine-tuning", action="store_true", help="frozen features only")
    parser.add_argument("--table", action="store_true", help="print what is there, and stop")
    args = parser.parse_args()
    known = [*studied(args.backbone), RANDOM]
    args.methods = args.methods or [*METHODS[args.backbone], RANDOM]
    if strange := [method for method in args.methods if method not in known]:
        parser.error(f"expected --methods of {' '.join(known)}, got {' '.join(strange)}")
    return args


def main() -> None:
    with hosts_kept_quiet():
        run(parse_arguments())


def run(args: argparse.Namespace) -> None:
    if args.table:
        print_table(args.out)
        return
    MMLogger.get_instance("mmengine", log_level="WARNING")
    try:
        expect_positive(epochs=args.epochs or 1)
        label_set = label_set_given(args)
        budget = dict(epochs=args.epochs, data=str(args.data), label_set=label_set)
        if args.backbone != "r18":
            budget["backbone"] = args.backbone
        expect_same_budget(args.out / "budget.json", budget)
        data = read_data(args.data or make_scenes(args.out / "scenes"), label_set, is_generated=args.data is None)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    for method in args.methods:
        tuned = method.partition("_")[0]
        rate = 1.0 if method == RANDOM else best_rate(tuned, data, args)
        for seed in args.seeds:
            study_one(method, seed, rate, data, args)
    print_table(args.out)


def studied(backbone: str) -> list[str]:
    """Methods and ablations: what there are configs of."""
    found = {path.stem.replace(f"_{backbone}_scenes", "") for path in CONFIGS.glob(f"*_{backbone}_scenes*.py")}
    return [*METHODS[backbone], *sorted(found - {*METHODS[backbone]})]


def label_set_given(args: argparse.Namespace) -> str | dict[str, Any]:
    """Generated scenes have one of their own. ValueError where a folder's is not given: ids alone do not tell."""
    if args.data is not None:
        return classes_from(args, f"--data {args.data}")
    if args.label_set not in (None, "scenes") or args.classes is not None:
        raise ValueError(
            f"expected --data with {'--classes' if args.classes else f'--label-set {args.label_set}'}, got none: "
            "generated scenes have labels of their own"
        )
    return "scenes"


def make_scenes(folder: Path) -> Path:
    if not (folder / "annotations/instances_val2017.json").is_file():
        write_scenes(folder, num_train=NUM_TRAIN, num_val=NUM_HELD_OUT, workers=os.cpu_count() or 1)
    return folder


def read_data(root: Path, label_set: str | dict[str, Any], *, is_generated: bool) -> Data:
    train, held_out = (
        read_labeled(root, split, count, label_set=label_set, size=None if is_generated else SIZE)
        for split, count in (("train2017", NUM_LABELED), ("val2017", NUM_HELD_OUT))
    )
    if len(train.images) <= NUM_TUNING:
        raise ValueError(f"expected more than {NUM_TUNING} labeled training images, got {len(train.images)}")
    num_unlabeled = len(list_images(root, ["train2017"]))
    return Data(root, num_unlabeled, train, held_out, label_set_of(label_set))


def best_rate(method: str, data: Data, args: argparse.Namespace) -> float:
    """The learning rate whose features retrieve best among labeled training images, without the held-out ones."""
    note = args.out / method / "rates.json"
    tried = json.loads(note.read_text()) if note.is_file() else {}
    for rate in args.rates:
        if str(rate) not in tried:
            backbone = pretrained_backbone(method, 0, rate, data, args)
            tried[str(rate)] = tuning_score(backbone, data, SHORTER_SIDE[args.backbone])
            write_json(note, tried)
    return float(max(args.rates, key=lambda rate: tried[str(rate)]))


def tuning_score(backbone: nn.Module, data: Data, size: int) -> float:
    images, labels = data.train
    assert labels is not None
    held_out, train = (LabeledImages(images[part], labels[part]) for part in (np.s_[:NUM_TUNING], np.s_[NUM_TUNING:]))
    return frozen_scores(backbone, train, held_out, data.label_set, ("knn",), size=size, seed=0)["knn"]


def frozen_scores(
    backbone: nn.Module, train: LabeledImages, held_out: LabeledImages, label_set: LabelSet,
    measures: tuple[str, ...], *, size: int, seed: int,
) -> dict[str, float]:  # fmt: skip
    """By evaluate.py's measures, of images at the scale at which views show them."""
    network = frozen(FrozenNetwork(backbone, IMAGENET, (size, size), lambda: backbone), "cpu")
    parts = LabeledParts(train.samples(), held_out.samples(), label_set)
    found = evaluate_network(network, parts, Choices(measures, (seed,), reading=Reading(size)))
    return {name: scores[0].value for name, scores in found.items()}


def study_one(method: str, seed: int, rate: float, data: Data, args: argparse.Namespace) -> None:
    """Writes ``out/method/seed-N.json``, measure by measure; anew where more trials have chosen another rate since."""
    note = args.out / method / f"seed-{seed}.json"
    found = read_scores(note) if note.is_file() else {}
    if found.get("rate") != rate:
        found = dict(rate=rate)
    backbone = pretrained_backbone(method, seed, rate, data, args)
    if not FROZEN.keys() <= found.keys():
        scores = frozen_scores(
            backbone, data.train, data.held_out, data.label_set, tuple(FROZEN.values()),
            size=SHORTER_SIDE[args.backbone], seed=seed,
        )  # fmt: skip
        found.update({name: scores[measure] for name, measure in FROZEN.items()})
        write_json(note, found)
    if not args.no_fine_tuning and "fcn" not in found:
        fine_tuned = supervised_fcn(
            study_config(method, args.backbone).model.backbone, CHANNELS[args.backbone], data.train, data.held_out,
            len(data.label_set.names), steps=FCN_STEPS, seed=seed, weights=backbone.state_dict(),
        )  # fmt: skip
        found["fcn"] = fine_tuned.mean_iou
        write_json(note, found)
    detects = args.backbone == "r18" and not args.no_fine_tuning  # the detector is a ResNet's
    if detects and "box_ap50" not in found and has_instances(data.root) and has_detection():
        start = "scratch" if method == RANDOM else str(run_folder(method, seed, rate, args))
        box, mask = mask_rcnn(start, data.root, args.out / method, seed, NUM_LABELED)
        found.update(box_ap50=box / 100, mask_ap50=mask / 100)
        write_json(note, found)


def pretrained_backbone(method: str, seed: int, rate: float, data: Data, args: argparse.Namespace) -> nn.Module:
    """Of the finished run, which is trained, or resumed, first if it is not there."""
    torch.manual_seed(seed)
    backbone = MODELS.build(study_config(method, args.backbone).model.backbone)
    backbone.init_weights()
    if method != RANDOM:
        folder = run_folder(method, seed, rate, args)
        if not (folder / "finished").is_file():
            pretrain(method, seed, rate, data, folder, args)
            write_atomically(str(folder / "finished"), b"")
        checkpoint = load_from_safe_local((folder / "last_checkpoint").read_text().strip(), "cpu")
        backbone.load_state_dict(backbone_of(checkpoint).tensors, strict=True)
    return backbone


def pretrain(method: str, seed: int, rate: float, data: Data, folder: Path, args: argparse.Namespace) -> None:
    print(f"{method}, seed {seed}, {rate} times its learning rate", flush=True)
    options: dict[str, Any] = {"train_dataloader.dataset.data_root": str(data.root), "randomness.seed": seed}
    config = study_config(method, args.backbone)
    if "queue_len" in config.model:
        options["model.queue_len"] = queue_length(data.num_unlabeled, config.train_dataloader.batch_size)
    options.update(learning_rates(config, rate))
    epochs = args.epochs or config.train_cfg.max_epochs
    options.update(length_options(config.filename, epochs))
    options.update({"log_level": "WARNING", "default_hooks.checkpoint.interval": max(1, epochs // 3)})
    given = training_arguments(config.filename, "--work-dir", str(folder), "--resume", "auto")
    given.cfg_options = options
    run_training(prepare_training(given))


def queue_length(num_images: int, batch_size: int) -> int:
    """An eighth of the images, so that few meet themselves as negatives; whole batches; at most the published."""
    return min(max(1, round(num_images / 8 / batch_size)) * batch_size, PUBLISHED_QUEUE)


def learning_rates(config: Config, factor: float) -> dict[str, float]:
    """Of the optimizer and of hooks that hold one themselves (SimSiam's), as --cfg-options."""
    rates = {"optim_wrapper.optimizer.lr": factor * config.optim_wrapper.optimizer.lr}
    for i, hook in enumerate(config.custom_hooks):
        if "lr" in hook:
            rates[f"custom_hooks.{i}.lr"] = factor * hook.lr
    return rates


def study_config(method: str, backbone: str) -> Config:
    first, _, ablation = (METHODS[backbone][0] if method == RANDOM else method).partition("_")
    return Config.fromfile(CONFIGS / f"{first}_{backbone}_scenes{f'_{ablation}' if ablation else ''}.py")


def run_folder(method: str, seed: int, rate: float, args: argparse.Namespace) -> Path:
    return args.out / method / f"seed-{seed}-rate-{rate:g}"


def print_table(out: Path) -> None:
    """Mean and standard deviation over the seeds that are there, in %."""
    found = {
        method: [read_scores(path) for path in sorted((out / method).glob("seed-*.json"))]
        for method in sorted((path.name for path in out.glob("*")), key=order_of)
    }
    print("\n| | seeds | " + " | ".join(MEASURES.values()) + " |\n| --- | --- |" + " --- |" * len(MEASURES))
    for method, seeds in found.items():
        if seeds:
            cells = [[100 * scores[measure] for scores in seeds if measure in scores] for measure in MEASURES]
            print(f"| {method} | {len(seeds)} | " + " | ".join(spread(cell) if cell else "" for cell in cells) + " |")
    print("\n" + machine_line())


def order_of(method: str) -> tuple[int, str]:
    """Methods first, then random weights, then ablations."""
    first = [*dict.fromkeys(name for names in METHODS.values() for name in names), RANDOM]
    return (first.index(method) if method in first else len(first), method)


def read_scores(path: Path) -> dict[str, Any]:
    """A seed's scores; version 0.1.0 wrote one of them under another name."""
    return {{"neighbours": "neighbors"}.get(name, name): value for name, value in json.loads(path.read_text()).items()}


def write_json(path: Path, values: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(str(path), (json.dumps(values, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
