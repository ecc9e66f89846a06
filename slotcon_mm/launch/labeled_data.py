"""What mmdet's and mmseg's labeled data need so that labels stay on the pixels and names they were made for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS
from PIL import Image

from slotcon_mm.checks import listing, printable
from slotcon_mm.launch.configs import HOSTS, LOADERS
from slotcon_mm.launch.dataset_configs import annotation_file, coco_datasets, pipelines_of
from slotcon_mm.launch.label_map_checks import insert_label_map_checks
from slotcon_mm.launch.mask_checks import expect_masks

__all__ = ["expect_class_names", "prepare_labeled_data", "read_as_stored", "turned_images"]

TRIED = 64  # images whose headers are looked at
ORIENTATION = 0x0112  # EXIF tag
AS_STORED = {"color": "color_ignore_orientation", "grayscale": "grayscale_ignore_orientation"}


def prepare_labeled_data(config: Config) -> list[str]:
    """All of this, for configs of mmdet and mmseg, in place; returns lines for the log."""
    if config.get("default_scope") not in HOSTS:
        return []
    insert_label_map_checks(config)
    notes = read_as_stored(config) + expect_class_names(config)
    expect_masks(config)
    return notes


def turned_images(dataset: Any) -> str | None:
    """A line that says how many of a labeled dataset's images carry an EXIF orientation, if any do."""
    count, found = len(dataset), []
    chosen: list[int] = np.unique(np.linspace(0, count - 1, TRIED).astype(int)).tolist() if count else []
    for index in chosen:
        path = str((dataset.get_data_info(index) or {}).get("img_path"))
        try:
            with Image.open(path) as image:
                if image.getexif().get(ORIENTATION, 1) != 1:
                    found.append(path)
        except Exception:  # noqa: S112 - one that cannot be read is said by what reads it
            continue
    if not found:
        return None
    return (
        f"{len(found)} of {len(chosen)} images looked at carry an EXIF orientation, {printable(found[0])} for one: "
        "they are read as stored. If their labels were drawn on turned images, turn the files"
    )


def read_as_stored(config: Config) -> list[str]:
    """Reads labeled images without turning them by their EXIF orientation, in place; returns a line for the log.

    Boxes, masks and label maps are of the pixels as stored. mmcv (2.1.0) turns an image that carries an orientation.
    """
    changed = 0
    for loader in LOADERS:
        for pipeline in pipelines_of((config.get(loader) or {}).get("dataset")):
            for step in pipeline:
                if step.get("type") in ("LoadImageFromFile", "mmdet.LoadImageFromFile", "mmseg.LoadImageFromFile"):
                    color = step.get("color_type", "color")
                    step["color_type"] = AS_STORED.get(color, color)
                    changed += color in AS_STORED
    return ["labeled images are read as stored, without their EXIF orientation, as annotations are"] if changed else []


def expect_class_names(config: Config) -> list[str]:
    """Compares the classes of datasets in COCO's format with the categories of their annotation files.

    mmdet (3.3.0) leaves out a class that a file does not have, and every later class then has the label of the one
    before it.

    Returns:
        Lines for the log: categories that no class takes.

    Raises:
        ValueError: A class is not among the categories.
    """
    notes = []
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
        if left := sorted(set(names) - set(classes)):
            notes.append(f"{path}: categories that no class of the config takes are left out: {listing(left, most=5)}")
    return list(dict.fromkeys(notes))


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
