#!/usr/bin/env python
"""Does it learn? SlotCon beside DenseCL, MoCo v2, BYOL and SimSiam under one budget, and beside random weights.

python tools/benchmarks/study.py --out work_dirs/study              # generated scenes, 3 seeds; a CPU overnight
python tools/benchmarks/study.py --out work_dirs/study --table      # what is there so far

Every method sees the same pictures, views, batches and epochs, has the same backbone, and gets the same number of
learning rates to try, on seed 0, chosen by neighbours' votes within the training pictures. Frozen features are then
clustered, probed and retrieved, and an FCN (and a Mask R-CNN, where mmdet is) is fine-tuned. What is done is not done
again: start it again after an interruption.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from frozen_features import cluster_score, extract, neighbour_score, probe_score
from measure import machine_line
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmpretrain.registry import MODELS
from torch import nn

import slotcon_mm  # noqa: F401
from slotcon_mm.checks import expect_positive
from slotcon_mm.datasets.scenes import CLASSES, write_scenes
from slotcon_mm.engine.atomic_files import write_atomically
from slotcon_mm.engine.checkpoint_loading import load_from_safe_local
from slotcon_mm.engine.launch import build_runner, check_start, prepare_training, train
from slotcon_mm.quickstart.baselines import supervised_fcn
from slotcon_mm.quickstart.labelled_pictures import LabelledPictures, read_labelled
from slotcon_mm.quickstart.transfer import has_detection, mask_rcnn, spread
from slotcon_mm.weights.backbone import backbone_of

CONFIGS = Path(__file__).resolve().parents[2] / "configs/study"
METHODS = ("slotcon", "densecl", "mocov2", "byol", "simsiam")
RANDOM = "random"
RATES = (0.3, 1.0, 3.0)  # times the config's learning rate
NUM_TRAIN, NUM_HELD_OUT, NUM_LABELLED, NUM_TUNING = 1000, 200, 200, 50
FCN_STEPS = 300
MEASURES = {
    "clusters": "k-means, mIoU",
    "probe": "linear probe, mIoU",
    "neighbours": "dense k-NN, mIoU",
    "fcn": "FCN fine-tuned, mIoU",
    "box_ap50": "Mask R-CNN, box AP50",
    "mask_ap50": "Mask R-CNN, mask AP50",
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for data, runs and numbers")
    parser.add_argument(
        "--methods", nargs="+", choices=[*METHODS, RANDOM], default=[*METHODS, RANDOM], help="default: all"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="default: 0 1 2")
    parser.add_argument("--epochs", type=int, help="default: the config's")
    parser.add_argument("--rates", nargs="+", type=float, default=RATES, help="tried, times the config's lr")
    parser.add_argument("--no-fine-tuning", action="store_true", help="frozen features only")
    parser.add_argument("--table", action="store_true", help="print what is there, and stop")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    if args.table:
        print_table(args.out)
        return
    MMLogger.get_instance("mmengine", log_level="WARNING")
    try:
        expect_positive(epochs=args.epochs or 1)
        expect_same_budget(args.out / "budget.json", args.epochs)
        data = make_scenes(args.out / "scenes")
        labelled = read_labelled(data, "train2017", NUM_LABELLED), read_labelled(data, "val2017", NUM_HELD_OUT)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    for method in args.methods:
        rate = 1.0 if method == RANDOM else best_rate(method, data, labelled[0], args)
        for seed in args.seeds:
            study_one(method, seed, rate, data, labelled, args)
    print_table(args.out)


def expect_same_budget(note: Path, epochs: int | None) -> None:
    """ValueError where the folder's runs, which are not done again, had other epochs."""
    budget = dict(epochs=epochs)
    if not note.is_file():
        write_json(note, budget)
    elif json.loads(note.read_text()) != budget:
        raise ValueError(f"expected the budget of the runs in {note.parent}, {note.read_text().strip()}, got {budget}")


def make_scenes(folder: Path) -> Path:
    if not (folder / "annotations/instances_val2017.json").is_file():
        write_scenes(folder, num_train=NUM_TRAIN, num_val=NUM_HELD_OUT, workers=os.cpu_count() or 1)
    return folder


def best_rate(method: str, data: Path, train_pictures: LabelledPictures, args: argparse.Namespace) -> float:
    """The learning rate whose features retrieve best among labelled training pictures, without the held-out ones."""
    note = args.out / method / "rates.json"
    tried = json.loads(note.read_text()) if note.is_file() else {}
    for rate in args.rates:
        if str(rate) not in tried:
            backbone = pretrained_backbone(method, 0, rate, data, args)
            tried[str(rate)] = tuning_score(backbone, train_pictures)
            write_json(note, tried)
    return float(max(args.rates, key=lambda rate: tried[str(rate)]))


def tuning_score(backbone: nn.Module, pictures: LabelledPictures) -> float:
    assert pictures.labels is not None
    features = extract(backbone, pictures)
    first, rest = slice(None, NUM_TUNING), slice(NUM_TUNING, None)
    return neighbour_score(
        (features[rest], pictures.labels[rest]), (features[first], pictures.labels[first]), len(CLASSES), seed=0
    )


def study_one(
    method: str, seed: int, rate: float, data: Path, labelled: Sequence[LabelledPictures], args: argparse.Namespace
) -> None:
    """Writes ``out/method/seed-N.json``, measure by measure."""
    note = args.out / method / f"seed-{seed}.json"
    found = json.loads(note.read_text()) if note.is_file() else {}
    backbone = pretrained_backbone(method, seed, rate, data, args)
    train_pictures, held_out = labelled
    assert train_pictures.labels is not None
    assert held_out.labels is not None
    if not {"clusters", "probe", "neighbours"} <= found.keys():
        train_features = extract(backbone, train_pictures), train_pictures.labels
        features = extract(backbone, held_out), held_out.labels
        found.update(
            clusters=cluster_score(*features, len(CLASSES), seed=seed),
            probe=probe_score(train_features, features, len(CLASSES), seed=seed),
            neighbours=neighbour_score(train_features, features, len(CLASSES), seed=seed),
        )
        write_json(note, found)
    if not args.no_fine_tuning and "fcn" not in found:
        config = study_config(method)
        scores = supervised_fcn(
            config.model.backbone, 128, train_pictures, held_out, len(CLASSES), steps=FCN_STEPS, seed=seed,
            weights=backbone.state_dict(),
        )  # fmt: skip
        found["fcn"] = scores.mean_iou
        write_json(note, found)
    if not args.no_fine_tuning and "box_ap50" not in found and has_detection():
        start = "scratch" if method == RANDOM else str(run_folder(method, seed, rate, args))
        box, mask = mask_rcnn(start, data, args.out / method, seed)
        found.update(box_ap50=box / 100, mask_ap50=mask / 100)
        write_json(note, found)


def pretrained_backbone(method: str, seed: int, rate: float, data: Path, args: argparse.Namespace) -> nn.Module:
    """Of the finished run, which is trained, or resumed, first if it is not there."""
    torch.manual_seed(seed)
    backbone = MODELS.build(study_config(method).model.backbone)
    backbone.init_weights()
    if method != RANDOM:
        folder = run_folder(method, seed, rate, args)
        if not (folder / "finished").is_file():
            pretrain(method, seed, rate, data, folder, args)
            write_atomically(str(folder / "finished"), b"")
        checkpoint = load_from_safe_local((folder / "last_checkpoint").read_text().strip(), "cpu")
        backbone.load_state_dict(backbone_of(checkpoint).tensors, strict=True)
    return backbone


def pretrain(method: str, seed: int, rate: float, data: Path, folder: Path, args: argparse.Namespace) -> None:
    print(f"{method}, seed {seed}, {rate} times its learning rate", flush=True)
    options: dict[str, Any] = {"train_dataloader.dataset.data_root": str(data), "randomness.seed": seed}
    config = study_config(method)
    options["optim_wrapper.optimizer.lr"] = rate * config.optim_wrapper.optimizer.lr
    epochs = args.epochs or config.train_cfg.max_epochs
    options.update({"train_cfg.max_epochs": epochs, "param_scheduler.warmup": min(1, epochs / 4)})
    options.update({"log_level": "WARNING", "default_hooks.checkpoint.interval": max(1, epochs // 3)})
    given = argparse.Namespace(
        config=config.filename, work_dir=str(folder), cfg_options=options, launcher="none", device=None, local_rank=0,
        resume="auto", pretrained=None, pretrained_source=None, amp=False, auto_scale_lr=False,
    )  # fmt: skip
    start = prepare_training(given)
    runner = build_runner(start.config, start.notes)
    check_start(runner, start.filling)
    train(runner)


def study_config(method: str) -> Config:
    return Config.fromfile(CONFIGS / f"{'slotcon' if method == RANDOM else method}_r18_scenes.py")


def run_folder(method: str, seed: int, rate: float, args: argparse.Namespace) -> Path:
    return args.out / method / f"seed-{seed}-rate-{rate:g}"


def print_table(out: Path) -> None:
    """Mean and standard deviation over the seeds that are there, in %."""
    found = {
        method: [json.loads(path.read_text()) for path in sorted((out / method).glob("seed-*.json"))]
        for method in (*METHODS, RANDOM)
    }
    print("\n| | seeds | " + " | ".join(MEASURES.values()) + " |\n| --- | --- |" + " --- |" * len(MEASURES))
    for method, seeds in found.items():
        if seeds:
            cells = [[100 * scores[measure] for scores in seeds if measure in scores] for measure in MEASURES]
            print(f"| {method} | {len(seeds)} | " + " | ".join(spread(cell) if cell else "" for cell in cells) + " |")
    print("\n" + machine_line())


def write_json(path: Path, values: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(str(path), (json.dumps(values, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
