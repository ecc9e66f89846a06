"""All that is looked at in a config's files in COCO's format, each read once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmdet.datasets import LVISV05Dataset, LVISV1Dataset
from mmdet.evaluation import LVISMetric
from mmengine.config import Config

from slotcon_mm.launch.labeled_data.annotation_sizes import expect_sizes_as_stored, image_folder
from slotcon_mm.launch.labeled_data.class_names import classes_of
from slotcon_mm.launch.labeled_data.coco_classes import expect_categories, labeled_categories
from slotcon_mm.launch.labeled_data.coco_entries import expect_entries
from slotcon_mm.launch.labeled_data.coco_files import CocoFile, read_coco_file
from slotcon_mm.launch.labeled_data.coco_sets import CocoSet, ScoredFile, coco_metrics, coco_sets
from slotcon_mm.launch.labeled_data.evaluator_files import expect_same_labels
from slotcon_mm.launch.labeled_data.kept_instances import expect_images, expect_kept, kept_instances
from slotcon_mm.launch.labeled_data.mask_checks import expect_masks, reads_masks

__all__ = ["expect_coco_files"]


def expect_coco_files(config: Config) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Annotations, classes, masks, sizes of images, and the files of metrics, where they exist.

    Returns:
        Lines for the log (categories that no class takes, annotations that are left out), and each dataset's file with
        its classes.

    Raises:
        ValueError: A run would end in the middle, or would learn or score something else, or nothing.
    """
    sets, metrics = list(coco_sets(config)), list(coco_metrics(config))
    notes: list[str] = []
    classes_by_set: list[tuple[CocoSet, list[str]]] = []
    tables: dict[Path, CocoFile] = {}
    for path in dict.fromkeys([item.path for item in sets] + [metric.path for metric in metrics]):
        file = read_coco_file(path)
        readers = [item for item in sets if item.path == path]
        expect_entries_for(file, readers, [item for item in metrics if item.path == path])
        for folder in dict.fromkeys(image_folder(item.config) for item in readers):
            expect_sizes_as_stored(file, folder)
        for item in readers:
            classes = classes_for(item, file)
            if classes is None:
                continue
            notes += expect_categories(file, classes, item.kind)
            classes_by_set.append((item, classes))
            if not item.is_panoptic:
                notes += expect_objects(file, classes, item)
        tables[path] = file._replace(annotations=[])  # gigabytes of COCO, which mmdet is about to read
    for metric in metrics:
        of_loader = [(item, classes) for item, classes in classes_by_set if item.loader == metric.loader]
        if len(of_loader) == 1:
            expect_scored_as_read(metric, *of_loader[0], tables)
    return list(dict.fromkeys(notes)), [(tables[item.path].name, classes) for item, classes in classes_by_set]


def expect_entries_for(file: CocoFile, readers: list[CocoSet], metrics: list[ScoredFile]) -> None:
    """``expect_entries`` with the keys that these datasets and metrics read."""
    if any(item.is_panoptic for item in readers):
        return
    also = set()
    if readers and not all(issubclass(item.kind, LVISV1Dataset) for item in readers):  # which reads coco_url
        also.add("file_name")
    if not all(issubclass(metric.kind, LVISMetric) for metric in metrics):
        also.add("iscrowd")
    if any(item.wants_masks for item in readers) or any("segm" in str(item.config.get("metric")) for item in metrics):
        also.add("segmentation")
    expect_entries(file, also)


def classes_for(item: CocoSet, file: CocoFile) -> list[str] | None:
    """A dataset's classes. LVIS numbers labels by the file alone: how its type spells its own classes is no matter."""
    classes = classes_of(item.config, item.kind)
    given = (item.config.get("metainfo") or {}).get("classes")
    if classes and not given and issubclass(item.kind, LVISV05Dataset) and len(classes) == len(file.categories):
        return [category["name"] for category in file.categories]
    return classes


def expect_objects(file: CocoFile, classes: list[str], item: CocoSet) -> list[str]:
    """Images and annotations that mmdet takes of a file, and their masks; lines for the log."""
    notes = []
    taken = {category["id"] for category in labeled_categories(file, classes, item.kind)}
    kept = kept_instances(file, taken, reads_masks=reads_masks(item.config))
    if item.is_for_objects:
        notes = expect_kept(kept, file.name, only=item.only)
    expect_images(file, taken, None if item.config.get("test_mode") else item.config.get("filter_cfg"))
    if item.wants_masks:
        expect_masks(kept.instances, file.name)
    return notes


def expect_scored_as_read(metric: ScoredFile, item: CocoSet, classes: list[str], tables: dict[Path, CocoFile]) -> None:
    scored, read = tables[metric.path], tables[item.path]
    expect_same_labels(
        metric.place,
        (scored, scored_categories(scored, classes, metric)),
        (read, labeled_categories(read, classes, item.kind)),
    )


def scored_categories(file: CocoFile, classes: list[str], metric: ScoredFile) -> list[dict[str, Any]]:
    """The categories of a metric's file, in the order of the labels it scores (mmdet 3.3.0)."""
    if issubclass(metric.kind, LVISMetric):
        return file.categories
    taken = [category for category in file.categories if category["name"] in classes]
    return sorted(taken, key=lambda item: item["id"]) if metric.config.get("sort_categories") else taken
