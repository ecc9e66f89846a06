"""Annotations without masks are found before a detector asks for them."""

from __future__ import annotations

from typing import Any

from slotcon_mm.config_nodes import dicts_within
from slotcon_mm.launch.labeled_data.dataset_configs import pipelines_of

__all__ = ["expect_masks", "reads_masks", "scores_masks"]

FOR_BOXES = "configs/detection/faster-rcnn_r50_fpn_1x_coco.py"


def reads_masks(dataset: Any) -> bool:
    return any(step.get("with_mask") for pipeline in pipelines_of(dataset) for step in pipeline)


def scores_masks(evaluator: Any) -> bool:
    return any("segm" in str(metric.get("metric")) for _, metric in dicts_within(evaluator))


def expect_masks(instances: list[dict[str, Any]], name: str) -> None:
    """ValueError where annotations that mmdet takes of a file lack their masks.

    mmdet (3.3.0) ends in "KeyError: 'mask'" in a loader's worker, or after the first epoch where only the validation
    lacks them.
    """
    lacking = sum(not instance.get("segmentation") for instance in instances)
    if lacking:
        raise ValueError(
            f"expected a mask (segmentation) of each of the {len(instances)} annotations of {name}, for a config that "
            f"learns or scores masks, got none for {lacking} of them: take a config for boxes, {FOR_BOXES}, or add the "
            "masks"
        )
