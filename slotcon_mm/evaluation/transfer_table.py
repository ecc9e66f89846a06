"""Transfer results: read from the logs of mmdet and mmseg, and set beside the paper's numbers."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

__all__ = ["PAPER", "Result", "read_metrics", "spread", "write_tables"]

# name in the logs: name in the table, factor to %
METRICS = {
    "coco/bbox_mAP": ("box AP", 100.0),
    "coco/segm_mAP": ("mask AP", 100.0),
    "pascal_voc/mAP": ("box AP", 100.0),
    "mIoU": ("mIoU", 1.0),
}


class Result(NamedTuple):
    """One number, in %; ``seed`` is None for a published one."""

    pretraining: str
    benchmark: str
    metric: str
    value: float
    seed: int | None = None


def paper(pretraining: str, box: float, mask: float, **segmentation: float) -> list[Result]:
    name = f"{pretraining} (the paper's)"
    coco = "mask-rcnn_r50_fpn_1x_coco"
    names = {
        "cityscapes": "fcn_r50-d16_cityscapes-769x769_90k",
        "voc": "fcn_r50-d16_voc12aug-513x513_30k",
        "ade20k": "fcn_r50-d8_ade20k-512x512_80k",
    }
    found = [Result(name, coco, "box AP", box), Result(name, coco, "mask AP", mask)]
    return found + [Result(name, names[data], "mIoU", value) for data, value in segmentation.items()]


# Wen et al., NeurIPS 2022, and the table of the published code; SlotMIM: Wen et al., CVPR 2025
PAPER = [
    *paper("SlotCon, COCO, 800 epochs", 41.0, 37.0, cityscapes=76.2, voc=71.6, ade20k=39.0),
    *paper("SlotCon, COCO+, 800 epochs", 41.8, 37.8),
    *paper("SlotCon, ImageNet, 100 epochs", 41.4, 37.2),
    *paper("SlotCon, ImageNet, 200 epochs", 41.8, 37.8),
    Result("SlotMIM, COCO+, 800 epochs (the paper's)", "upernet_vit-b16_ade20k-512x512_160k", "mIoU", 49.1),
]


def read_metrics(work_dir: Path) -> dict[str, float]:
    """The last evaluation that a run logged, in %; empty if there is none."""
    for log in sorted(work_dir.glob("*/vis_data/scalars.json"), reverse=True):
        for line in reversed(log.read_text().splitlines()):
            logged = json.loads(line)
            found = {METRICS[name][0]: METRICS[name][1] * logged[name] for name in METRICS if name in logged}
            if found:
                return found
    return {}


def write_tables(results: Sequence[Result], folder: Path) -> str:
    """``transfer.md``, a line a pretraining with mean and spread over seeds, and ``transfer.csv``, a line a number."""
    columns = list(dict.fromkeys((r.benchmark, r.metric) for r in results))
    lines = ["| pretraining | " + " | ".join(f"{name}, {metric}" for name, metric in columns) + " |"]
    lines.append("| --- " * (len(columns) + 1) + "|")
    for pretraining in dict.fromkeys(r.pretraining for r in results):
        values = [
            [r.value for r in results if (r.pretraining, r.benchmark, r.metric) == (pretraining, *column)]
            for column in columns
        ]
        lines.append(f"| {pretraining} | " + " | ".join(map(cell, values)) + " |")
    table = "\n".join(lines) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "transfer.md").write_text(table, encoding="utf-8")
    with (folder / "transfer.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*Result._fields, "origin"])
        writer.writerows([*result, "paper" if result.seed is None else "measured"] for result in results)
    return table


def cell(values: Sequence[float]) -> str:
    if not values:
        return ""
    return spread(values) + (f" ({len(values)} seeds)" if len(values) > 1 else "")


def spread(values: Sequence[float]) -> str:
    """Mean and, of more than one value, standard deviation."""
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")
