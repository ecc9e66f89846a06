"""What is looked at in mmdet's labeled data."""

from __future__ import annotations

from mmengine.config import Config

from slotcon_mm.launch.labeled_data.class_names import expect_one_order
from slotcon_mm.launch.labeled_data.coco_checks import expect_coco_files
from slotcon_mm.launch.labeled_data.xml_names import expect_xml_names

__all__ = ["expect_detection_data"]


def expect_detection_data(config: Config) -> list[str]:
    """Annotations in COCO's and VOC's formats, and their classes; returns lines for the log.

    Raises:
        ValueError: A run would end in the middle, or would learn or score something else, or nothing.
    """
    notes, files = expect_coco_files(config)
    more_notes, more_files = expect_xml_names(config)
    expect_one_order([*files, *more_files])
    return notes + more_notes
