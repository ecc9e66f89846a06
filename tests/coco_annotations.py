"""Files of annotations in COCO's format, and configs that read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmengine.config import Config

__all__ = ["BOX", "POLYGON", "annotation", "coco_config", "write_annotations"]

BOX = [10, 10, 40, 30]
POLYGON = [[10, 10, 50, 10, 50, 40]]


def annotation(number: int, **changes: Any) -> dict[str, Any]:
    """Of image 1 and category 1; a key that is changed to None is left out."""
    whole = dict(id=number, image_id=1, category_id=1, bbox=BOX, area=1200, iscrowd=0, segmentation=POLYGON)
    return {key: value for key, value in {**whole, **changes}.items() if value is not None}


def write_annotations(
    path: Path,
    names: tuple[str, ...] = ("bolt", "nut"),
    annotations: list[dict[str, Any]] | None = None,
    **changes: Any,
) -> Path:
    """One image of 96 x 64 pixels, categories of ``names`` from id 1 on, an annotation of each unless others come."""
    if annotations is None:
        annotations = [annotation(number, category_id=number) for number in range(1, len(names) + 1)]
    content = dict(
        images=[dict(id=1, file_name="a.jpg", width=96, height=64)],
        categories=[dict(id=number, name=name) for number, name in enumerate(names, start=1)],
        annotations=annotations,
    )
    path.write_text(json.dumps({**content, **changes}))
    return path


def coco_config(path: Path, classes: Any = ("bolt", "nut"), *, with_mask: bool = False, **dataset: Any) -> Config:
    """A training and a validation, the former with a dataset within another."""
    read = dict(
        type="CocoDataset",
        ann_file=str(path),
        data_prefix=dict(img=""),
        pipeline=[dict(type="LoadImageFromFile"), dict(type="LoadAnnotations", with_bbox=True, with_mask=with_mask)],
        **({} if classes is None else dict(metainfo=dict(classes=classes))),
    )
    read.update(dataset)
    return Config(
        dict(
            default_scope="mmdet",
            train_dataloader=dict(dataset=dict(type="RepeatDataset", times=2, dataset=read)),
            val_dataloader=dict(dataset={**read, "test_mode": True}),
            val_evaluator=dict(type="CocoMetric", ann_file=str(path), metric="bbox"),
        )
    )
