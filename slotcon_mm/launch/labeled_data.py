"""What mmdet's and mmseg's labeled data need so that labels stay on the pixels and names they were made for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS

from slotcon_mm.checks import listing
from slotcon_mm.launch.annotation_sizes import expect_sizes_as_stored
from slotcon_mm.launch.configs import HOSTS, LOADERS
from slotcon_mm.launch.dataset_configs import annotation_file, coco_datasets, pipelines_of
from slotcon_mm.launch.kinds import is_transform
from slotcon_mm.launch.label_map_checks import insert_label_map_checks
from slotcon_mm.launch.labeled_lists import expect_plain_annotations
from slotcon_mm.launch.mask_checks import expect_masks

__all__ = ["expect_class_names", "prepare_labeled_data", "read_as_stored"]

AS_STORED = {"color": "color_ignore_orientation", "grayscale": "grayscale_ignore_orientation"}


def prepare_labeled_data(config: Config) -> list[str]:
    """All of this, for configs of mmdet and mmseg, in place; returns lines for the log."""
    if config.get("default_scope") not in HOSTS:
        return []
    expect_plain_annotations(config)
    insert_label_map_checks(config)
    notes = read_as_stored(config) + expect_class_names(config)
    expect_masks(config)
    expect_sizes_as_stored(config)
    return notes


def read_as_stored(config: Config) -> list[str]:
    """Reads labeled images without turning them by their EXIF orientation, in place; returns a line for the log.

    Boxes, masks and label maps are of the pixels as stored. mmcv (2.1.0) turns an image that carries an orientation.
    """
    changed = 0
    for loader in LOADERS:
        for pipeline in pipelines_of((config.get(loader) or {}).get("dataset")):
            for step in pipeline:
                if is_transform(step, "LoadImageFromFile", config.get("default_scope")):
                    color = step.get("color_type", "color")
                    step["color_type"] = AS_STORED.get(color, color)
                    changed += color in AS_STORED
    return ["labeled images are read as stored, without their EXIF orientation, as annotations are"] if changed else []


def expect_class_names(config: Config) -> list[str]:
    """Compares the classes of datasets in COCO's format with the categories of their annotation files.

    mmdet (3.3.0) leaves out a class that a file does not have, and every later class then has the label of the one
    before it; and it numbers labels in the order of the file, whatever the order of the classes.

    Returns:
        Lines for the log: categories that no class takes.

    Raises:
        ValueError: A class is not among the categories, or they come in another order.
    """
    notes, all_classes = [], {}
    for dataset in [found for loader in LOADERS for found in coco_datasets((config.get(loader) or {}).get("dataset"))]:
        path = annotation_file(dataset)
        if path is None:
            continue  # the host says so
        names = categories_in(path)
        classes = classes_of(dataset)
        if missing := [name for name in classes if name not in names]:
            raise ValueError(
                f"expected the classes of the config among the categories of {path}, got {listing(missing, most=5)}, "
                f"which it does not have. It has {listing(sorted(names), most=30)}. Set metainfo=dict(classes=(...)) "
                "of each dataset, and num_classes of the heads"
            )
        expect_order(classes, names, path)
        all_classes[tuple(classes)] = path
        if left := sorted(set(names) - set(classes)):
            notes.append(f"{path}: categories that no class of the config takes are left out: {listing(left, most=5)}")
    if len(all_classes) > 1:
        raise ValueError(
            "expected the same classes in one order in all datasets, since a label is a class's place among them, got "
            + "; ".join(f"{listing(given)} for {path}" for given, path in all_classes.items())
        )
    return list(dict.fromkeys(notes))


def expect_order(classes: list[str], names: list[str], path: Path) -> None:
    """ValueError for classes in another order than their categories, or that several categories have."""
    if twice := sorted({name for name in classes if names.count(name) > 1}):
        raise ValueError(f"expected categories of different names in {path}, got several of {listing(twice, most=5)}")
    in_file = [name for name in names if name in classes]
    if in_file != classes:
        raise ValueError(
            f"expected the classes of the config in the order of the categories of {path}, by which mmdet numbers "
            f"labels, got {listing(classes, most=5)}: set metainfo=dict(classes={tuple(in_file)}) of each dataset. If "
            "annotation files differ, put their categories into one order"
        )


def classes_of(dataset: Any) -> list[str]:
    """Of the config, or of the dataset's type."""
    given = (dataset.get("metainfo") or {}).get("classes")
    if given is None:
        given = DATASETS.get("mmdet.CocoDataset").METAINFO["classes"]
    return [given] if isinstance(given, str) else list(given)


def categories_in(path: Path) -> list[str]:
    """Names of a COCO file's categories, without reading its annotations: hundreds of megabytes for COCO itself."""
    text = path.read_text(encoding="utf-8")
    start = text.rfind('"categories"')
    if start < 0:
        raise ValueError(f"expected annotations in COCO's format, got {path}, which has no categories")
    found, _ = json.JSONDecoder().raw_decode(text, text.index("[", start))
    return [category["name"] for category in found]
