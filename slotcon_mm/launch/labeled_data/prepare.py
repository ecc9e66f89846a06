"""What mmdet's and mmseg's labeled data need so that labels stay on the pixels and names they were made for."""

from __future__ import annotations

from mmengine.config import Config

from slotcon_mm.launch.configs import HOSTS, LOADERS
from slotcon_mm.launch.labeled_data.class_names import expect_tuples
from slotcon_mm.launch.labeled_data.dataset_configs import pipelines_of
from slotcon_mm.launch.labeled_data.head_checks import expect_number_of_classes
from slotcon_mm.launch.labeled_data.kinds import is_transform
from slotcon_mm.launch.labeled_data.label_map_checks import insert_label_map_checks
from slotcon_mm.launch.labeled_data.lists import expect_plain_annotations

__all__ = ["prepare_labeled_data", "read_as_stored"]

AS_STORED = {"color": "color_ignore_orientation", "grayscale": "grayscale_ignore_orientation"}


def prepare_labeled_data(config: Config) -> list[str]:
    """All of this, for configs of mmdet and mmseg, in place; returns lines for the log."""
    if config.get("default_scope") not in HOSTS:
        return []
    expect_plain_annotations(config)
    insert_label_map_checks(config)
    notes = read_as_stored(config)
    expect_tuples(config)
    if config.default_scope == "mmdet":
        from slotcon_mm.launch.labeled_data.detection_data import (
            expect_detection_data,  # it needs mmdet, which mmseg does not
        )

        notes += expect_detection_data(config)
    expect_number_of_classes(config)
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
