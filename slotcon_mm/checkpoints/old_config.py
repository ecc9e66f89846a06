"""Configs of before MMEngine (MMDetection 2.x, MMSegmentation 0.x, MMClassification 0.x), in today's places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slotcon_mm.checkpoints.registered import registered_as
from slotcon_mm.config_nodes import dicts_within, short_type

__all__ = ["in_todays_places", "old_config_text"]

# what their files note beside the config, and whose classes the config then names; mmcv 1.x adds its own to every file
SCOPES = {"mmdet_version": "mmdet", "mmseg_version": "mmseg", "mmcls_version": "mmpretrain"}
MMCV = "mmcv_version"
PARTS = ("train", "val", "test")  # of the data


def old_config_text(meta: Mapping[str, Any]) -> str | None:
    """The config that their training scripts leave in a checkpoint's ``meta``; None where there is none of theirs."""
    text = meta.get("config")
    return text if isinstance(text, str) and any(name in meta for name in (*SCOPES, MMCV)) else None


def in_todays_places(config: Mapping[str, Any], meta: Mapping[str, Any]) -> dict[str, Any]:
    """With its default scope, and with the data whose pipeline normalizes pixels where a dataloader has it.

    Raises:
        ValueError: No step normalizes pixels on the scale 0 to 255, where preprocessors of today do.
    """
    data = config.get("data")
    datasets = [data.get(part) for part in PARTS] if isinstance(data, Mapping) else []
    dataset = next((one for one in datasets if normalizes(one)), None)
    if dataset is None:
        raise ValueError(
            "its config, of OpenMMLab before MMEngine, has no step Normalize, so that mean, std and order of channels "
            "of its pixels are not known"
        )
    return {**config, "default_scope": scope_of(config, meta), "train_dataloader": dict(dataset=dataset)}


def normalizes(dataset: Any) -> bool:
    """Whether an image of 0 to 255 meets a mean; after a conversion of torchvision's it is one of 0 to 1."""
    for _, step in dicts_within(dataset):
        if short_type(step) == "Normalize":
            return "mean" in step and "std" in step
        if short_type(step) == "ToTensor" and "keys" not in step:
            return False
    return False


def scope_of(config: Mapping[str, Any], meta: Mapping[str, Any]) -> str:
    noted = next((scope for name, scope in SCOPES.items() if name in meta), None)
    kind = str((config.get("model") or {}).get("type"))
    found = (scope for scope in SCOPES.values() if registered_as(f"{scope}.{kind}", scope))
    return noted or next(found, "mmpretrain")
