"""Annotations without masks are found before a detector asks for them."""

from __future__ import annotations

import re
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS

from slotcon_mm.checks import printable
from slotcon_mm.launch.configs import LOADERS
from slotcon_mm.launch.dataset_configs import annotation_file, coco_datasets, pipelines_of

__all__ = ["expect_masks"]

FOR_BOXES = "configs/detection/faster-rcnn_r50_fpn_1x_coco.py"
ANNOTATION = re.compile(r'"bbox"\s*:')
MASK = re.compile(r'"segmentation"\s*:(?!\s*(?:null|""|\[\s*\]|\{\s*\}))')


def expect_masks(config: Config) -> None:
    """ValueError where an mmdet config reads masks that a file in COCO's format does not have for every annotation.

    mmdet (3.3.0) ends in "KeyError: 'mask'" in a loader's worker, or after the first epoch where only the validation
    lacks them.
    """
    for loader in LOADERS:
        evaluator = config.get(loader.replace("dataloader", "evaluator"))
        for dataset in coco_datasets((config.get(loader) or {}).get("dataset")):
            path = annotation_file(dataset)
            if path is None or not (reads_masks(dataset) or scores_masks(evaluator)):
                continue
            text = path.read_text(encoding="utf-8")
            # the file is taken apart only if it may lack some: COCO's own has hundreds of megabytes
            if len(MASK.findall(text)) >= len(ANNOTATION.findall(text)):
                continue
            lacking, count = instances_without_mask(dataset)
            if lacking:
                raise ValueError(
                    f"expected a mask (segmentation) of each of the {count} annotations of {printable(str(path))}, for "
                    f"a config that learns or scores masks, got none for {lacking} of them: take a config for boxes, "
                    f"{FOR_BOXES}, or add the masks"
                )


def reads_masks(dataset: Any) -> bool:
    return any(step.get("with_mask") for pipeline in pipelines_of(dataset) for step in pipeline)


def scores_masks(evaluator: Any) -> bool:
    metrics = evaluator if isinstance(evaluator, list | tuple) else [evaluator or {}]
    return any("segm" in str(metric.get("metric")) for metric in metrics)


def instances_without_mask(dataset: Any) -> tuple[int, int]:
    """Of those that mmdet takes of the file, how many have no mask, and how many there are."""
    listed = DATASETS.build({**dataset, "_scope_": "mmdet", "pipeline": []})
    instances = [instance for index in range(len(listed)) for instance in listed.get_data_info(index)["instances"]]
    return sum("mask" not in instance for instance in instances), len(instances)
